"""What counts as a definition, and under which name, kind by kind: wanted and unwanted names in small texts."""

from __future__ import annotations

import pytest

from lowtide import languages
from lowtide.work.parse import parse

EXPRESSIONS = """\
let y = class NamedExpr { m() {} };
const same = class same { a() {} };
lib.tank = class Tank { fill() {} };
let f = function namedFn() {};
const g = function g() {};
function mix(B) { return class Mixed extends B { mm() {} } }
const make = (B) => class Arrow extends B {};
const o = { key: function pairFn() {}, cls: class PairCls { pc() {} } };
register(class Arg { z() {} }, function callback() { function inner() {} });
"""

CASES = {
    "js: classes and functions in expressions": (
        "a.js",
        EXPRESSIONS,
        "y y.NamedExpr y.m same same.a tank tank.Tank tank.fill f g mix.Mixed.mm make.Arrow o.key "
        "o.PairCls.pc Arg.z callback.inner",
        "NamedExpr.m Tank.fill same.same g.g namedFn pairFn",
    ),
    "ts: classes and functions in expressions": (
        "a.ts",
        EXPRESSIONS,
        "y y.NamedExpr y.m same same.a tank tank.Tank tank.fill f g mix.Mixed.mm make.Arrow o.key "
        "o.PairCls.pc Arg.z callback.inner",
        "NamedExpr.m Tank.fill same.same g.g namedFn pairFn",
    ),
    "vue: a component by its options": (
        "a.vue",
        """<script>
export default { name: "tide-gauge", data() { return { name: "NoName" } }, props: { name: String } }
</script>
""",
        "tide-gauge tide-gauge.data",
        "NoName name String",
    ),
    "vue: a component by a call": (
        "a.vue",
        '<script>\nexport default defineComponent({ name: "Gauge", setup() {} })\n</script>\n',
        "Gauge Gauge.setup",
        "name",
    ),
    "vue: a component by its macro": (
        "a.vue",
        '<script setup>\ndefineOptions({ name: "Gauge" })\nfunction rise() {}\nother({ name: "NoName" })\n</script>\n',
        "Gauge rise",
        "NoName Gauge.rise",
    ),
    "c++: friends that are defined in a class": (
        "a.cpp",
        """class Ring {
  friend void swap_rings(Ring&, Ring&) { int a; }
  friend bool operator==(const Ring&, const Ring&) = default;
  friend auto never(Ring&) -> bool = delete;
  friend class Registry;
  friend void elsewhere(Ring&);
};
""",
        "Ring Ring.swap_rings Ring.operator== Ring.never",
        "Registry Ring.Registry Ring.elsewhere a",
    ),
    "rust: items inside a macro's braces": (
        "a.rs",
        """cfg_net! {
    pub fn connect<F>(future: F) -> u8 { 1 }
    /// Documented.
    pub struct Link { speed: u8 }
    impl Link { pub fn close(&self) {} }
    mod wire { pub fn frame() {} }
}
mod deeper { cfg_rt! { cfg_unix! { pub fn nested() {} } } }
impl Link { cfg_io! { pub(crate) fn flush(&self) {} } }
""",
        "connect Link Link.speed Link.close wire wire.frame deeper.nested Link.flush",
        "cfg_net cfg_rt future",
    ),
    "rust: macros with words of their own": (
        "a.rs",
        """lazy_static! { static ref CONFIG: u8 = 1; pub static ref NAMES: Mutex<Vec<u8>> = Mutex::new(vec![]); }
bitflags::bitflags! {
    #[derive(Debug)]
    pub struct Flags: u32 { const READ = 1; const ALL = Self::READ.bits(); }
    impl Other: u8 { const WRITE = 1 << 2; }
}
thread_local! { static LOCAL: u8 = 1; }
thread_local!(pub static CELL: u8 = const { 1 });
proptest! { #[test] fn holds(x in 0..10) { assert!(x < 10); } }
cfg_if! { if #[cfg(unix)] { fn on_unix() {} } else { fn elsewhere() {} } }
""",
        "CONFIG NAMES Flags Flags.READ Flags.ALL Other.WRITE LOCAL CELL holds on_unix elsewhere",
        "Self ref Flags.Self",
    ),
    "rust: raw names and the blank": (
        "a.rs",
        "fn r#type() {}\npub struct r#struct { pub r#fn: u8 }\nconst _: () = ();\nstatic _SPARE: u8 = 1;\n",
        "type struct struct.fn _SPARE",
        "r#type r#struct _",
    ),
    "rust: what a function's macros hold is none": (
        "a.rs",
        'fn outer() { println!("fn shown() {}"); let x = json!({"a": 1}); quote! { fn made() {} } }\n',
        "outer",
        "shown made a",
    ),
    "go: the blank": ("a.go", "package p\n\nvar _ I = (*T)(nil)\n\nconst (\n\t_ = iota\n\tOne\n)\n", "One", "_"),
    "typescript: destructuring": (
        "a.ts",
        """export const { useTide, useAdd: renamed, depth = 2, ...rest } = api;
export const [Provider, useContext = 3, ...others] = create();
const { inner: { deep } } = load();
let [first] = list;
function f() { const { local } = x; }
""",
        "useTide renamed depth rest Provider useContext others deep first f",
        "useAdd inner local",
    ),
    "javascript: prototypes and CommonJS": (
        "a.js",
        """Tide.prototype.rise = rise;
Tide.prototype.fall = function () {};
Tide.prototype.depth = 0;
a.b.Tide.prototype.turn = helper();
Gauge.prototype = { read() {}, write: function () {} };
exports.level = 2;
exports.encode = makeEncoder();
exports.same = same;
module.exports.extra = other;
module.exports = { six: sixImpl, seven() {}, 'eight-nine': 8, same };
Object.defineProperty(exports, "getter", { enumerable: true });
Object.defineProperty(exports, "__esModule", { value: true });
window.Widget = Widget2;
""",
        "Tide.rise Tide.fall Tide.depth a.b.Tide.turn Gauge.read Gauge.write level encode extra six seven eight-nine "
        "getter Widget",
        "exports prototype __esModule same",
    ),
    "javascript: what a module is": (
        "a.js",
        "module.exports = class Ten {};\nmodule.exports = function eleven() {};\nmodule.exports = () => 1;\n",
        "Ten eleven",
        "exports",
    ),
    "javascript: computed names": (
        "a.js",
        "class A { [Symbol.iterator]() {} }\n",
        "A.Symbol.iterator",
        "[Symbol.iterator]",
    ),
    "python: fields that methods set": (
        "a.py",
        '''class Tide:
    level = 0

    def __init__(self, x):
        """Sets self.documented = 1."""
        self.x = x
        self.y, self.z = 1, 2
        self.p = self.q = 3
        self.typed: int = 4
        self.only_typed: str
        (self.t1, self.t2) = x
        self.level = 1
        if x: self.short = 1
        else:
            self.other = 2
        # self.commented = 1
        call(self.given, option=self.seen)
        if self.compared == 1:
            x.far = 1
        self.a.b = 1
        self.d["k"] = 1
        self.aug += 1
        local = self.read

    def later(self): self.one_line = 1


def free(self):
    self.not_of_a_class = 1
''',
        "Tide.level Tide.x Tide.y Tide.z Tide.p Tide.q Tide.typed Tide.only_typed Tide.t1 Tide.t2 Tide.short "
        "Tide.other Tide.one_line",
        "documented commented given seen option compared far b d aug read not_of_a_class local",
    ),
    "python: chained and unpacked": (
        "a.py",
        "A = B = C = 1\n(D, E) = 1, 2\n[F, G] = x\nH, *I = y\nJ, (K, L) = z\nclass Q:\n    (r, s) = 1, 2\n    t = u = "
        "1\n",
        "A B C D E F G H I J K L Q.r Q.s Q.t Q.u",
        "x y z",
    ),
    "c#: local functions": (
        "a.cs",
        """using System;
int Top(int a) => a;
Console.WriteLine(Top(1));
class Lam {
    Func<int, int> f = x => { int InLambda(int q) => q; return q; };
    int P { get { int InGetter() => 1; return InGetter(); } }
    Lam() { void InConstructor() { } }
    void M()
    {
        Run(() => { static async Task<int> Deep<T>(T x) { return 1; } });
        if (true) { List<int> InIf(int z) => null; }
        return Other(x);
    }
}
""",
        "Top Lam.f.InLambda Lam.P.InGetter Lam.Lam.InConstructor Lam.M.Deep Lam.M.InIf",
        "Run Other WriteLine",
    ),
    "c#: extension blocks and verbatim names": (
        "a.cs",
        """public static class More {
    extension(string s) { public int Len() => 1; public bool IsOk => true; }
    extension<T>(IEnumerable<T> e) where T : class
    {
        public static void Each() {}
    }
    static void @event(int @class) {}
}
""",
        "More More.Len More.IsOk More.Each More.event",
        "extension _ ) @event",
    ),
    "ruby: attributes": (
        "a.rb",
        """class Tide
  attr_writer :level
  attr_accessor :depth
  attr_reader :name
  attr :plain
  private attr_reader :hidden
  private attr_accessor :inner
  mattr_accessor :shared
  Place = Struct.new(:x, :y)
end
task migrate: :environment
Tide::LIMIT = 1
""",
        "Tide.level Tide.level= Tide.depth Tide.depth= Tide.name Tide.plain Tide.hidden Tide.inner Tide.inner= "
        "Tide.shared="
        " Tide.Place Tide.Place.x Tide.Place.y migrate LIMIT",
        "name= plain= hidden= environment",
    ),
    "elixir: implementations": (
        "a.ex",
        """defimpl Size, for: BitString do
  def size(b), do: byte_size(b)
end
defmodule M do
  defimpl Inspect do
    def inspect(x, _), do: x
  end
end
""",
        "BitString.Size BitString.Size.size M.Inspect M.Inspect.inspect",
        "defimpl _",
    ),
    "kotlin: context functions": (
        "a.kt",
        """context(Foo, Bar) fun a(x: Int) = 1

/** Documented. */
context(_: Foo, b: Bar)
fun second(x: Int) { }

class X {
    context(l: Logger)
    private fun c() {}
}
context(
    Foo,
    f: (Int) -> Unit
)
val e: Int get() = 2
val (p, q) = pair
""",
        "a second X X.c e p q",
        "context Foo Bar _",
    ),
    "html: templates": (
        "a.html",
        "<h1>{{ title }}</h1><h1>Real</h1><h2>{% block t %}x{% endblock %}</h2><h2><?php echo $x ?></h2><h3>${x} y</h3>"
        '<h4>@Model.Name</h4><h5>Hello <%= name %></h5><div id="row-{{ i }}"></div><div id="fine"></div><h3>For $5 '
        "[new]</h3>\n",
        "Real|fine|For $5 [new]",
        "{{ title }}|{% block t %}x{% endblock %}|${x} y|@Model.Name|row-{{ i }}",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_definitions(case: str) -> None:
    path, text, wanted, unwanted = CASES[case]
    data = text.encode()
    language = languages.language_for(path.encode(), data)
    assert language is not None
    rows = parse.parse(data, language, 60.0).symbols
    qualified = [f"{row[2]}.{row[0]}" if row[2] else row[0] for row in rows]
    found = {*qualified, *(row[0] for row in rows)}
    separator = "|" if "|" in wanted else None
    assert [name for name in wanted.split(separator) if name not in found] == []
    assert [name for name in unwanted.split(separator) if name in found] == []
    assert len(qualified) == len(set(qualified))


def test_an_outline_shows_what_extends_a_type_around_its_functions() -> None:
    text = b"struct Tide;\n\nimpl fmt::Display for Tide {\n    fn fmt(&self) {}\n}\n"
    language = languages.by_name("rust")
    assert language is not None
    rows, _ = parse.parse_again(text, language, 60.0, None)
    assert [(row[0], row[1] == 0) for row in rows] == [
        ("Tide", False),
        ("impl fmt::Display for Tide", True),
        ("fmt", False),
    ]
    assert (rows[1][3], rows[1][5]) == (2, 4)
    assert [row[0] for row in parse.parse(text, language, 60.0).symbols] == ["Tide", "fmt"]
