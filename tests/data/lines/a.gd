# func commented():
class_name Gauge
extends Node
signal risen(by)
enum Kind { LOW }
const LIMIT = 3
@export var level: int = 0
onready var node = $Node
func _ready():
	var local = 1
static func make() -> Gauge:
	return null
class Inner:
	func deep():
		pass
