// class Commented {}
namespace Tide {
  public class Gauge : Object {
    private int level;
    public int read () { return level; }
    public signal void risen ();
  }
  public enum Kind { LOW }
}
