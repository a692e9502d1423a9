// fn commented() {}
struct Light { color: vec3<f32> }
@group(0) @binding(0) var<uniform> model: mat4x4<f32>;
const LIMIT = 3;
@vertex
fn main(@location(0) p: vec3<f32>) -> @builtin(position) vec4<f32> {
  return p;
}
