#version 330
#define LIMIT 3
// void commented() {}
uniform mat4 model;
layout(location = 0) in vec3 position;
struct Light { vec3 color; };
vec3 shade(vec3 n, Light l) {
    float local = 1.0;
    if (local > 0.5) { return n; }
    return n;
}
void main() { }
