// param commented string
param level int = 3
var limit = 3
resource store 'Microsoft.Storage@2021' = {
}
module net './net.bicep' = {
}
output id string = 'x'
