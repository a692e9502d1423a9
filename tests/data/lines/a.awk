# function commented() {}
function rise(by,  local) {
  return by
}
BEGIN { x = 1 }
