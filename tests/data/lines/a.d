module tide.core;
// class Commented {}
/+ void nested() {} +/
class Gauge : Base {
    private int level;
    this(int x) { level = x; }
    int read() const { return level; }
    static T make(T)(T x) { return x; }
}
struct Point { int x; }
enum Kind { low, high }
enum limit = 3;
template Mix(T) { }
alias Num = int;
void main(string[] args) { if (args) { foreach (a; args) { } } }
