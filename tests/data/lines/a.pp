# class commented {}
class tide::gauge (
  Integer $level = 3,
) {
}
define tide::rise($by) {
}
node 'host.example' {
}
