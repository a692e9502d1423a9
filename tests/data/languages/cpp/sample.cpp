// Water levels of a harbour.
#include <string>
#include <vector>

#define HARBOUR_API __attribute__((visibility("default")))
#define LARGER(a, b) ((a) > (b) ? (a) : (b))

namespace harbour::tides {
inline namespace v1 {

constexpr double kGravity = 9.81;
extern int gauge_count;
using Level = double;
template <class T> using Series = std::vector<std::pair<double, T>>;
typedef int (*ReaderFn)(long at);

/// The phases of a tide.
enum class Phase : int { Low, High = 7 };
enum { kLimit = 8 };

template <typename T>
concept Number = requires(T t) { t + t; };

/**
 * \brief A gauge at one station.
 *
 * More of it.
 */
template <Number T, int Digits = 2>
class HARBOUR_API Gauge final : public Base<T>, private Named {
public:
  using value_type = T;
  class OutOfRange;

  // Made for a station.
  explicit Gauge(std::string station) : station_(std::move(station)) {}
  Gauge(const Gauge &) = delete;
  Gauge(Gauge &&other) noexcept;
  virtual ~Gauge();
  Gauge &operator=(const Gauge &) = delete;
  explicit operator bool() const { return open_; }
  T operator()(long at) const;
  bool operator<(const Gauge &other) const = default;

  /// Reads one level.
  [[nodiscard]] virtual auto read(long at) const -> T = 0;
  template <class F> T nearest(F &&by) const;
  const std::string &station() const noexcept HARBOUR_NOEXCEPT { return station_; }
  HARBOUR_INLINE T last() const HARBOUR_NOEXCEPT { return T(); }
  static int count();
  friend std::ostream &operator<<(std::ostream &out, const Gauge &gauge) { return out; }
  friend class Registry;

  struct Window {
    int width = 3, height{4};
    void shift() { auto local = [] { return 1; }; }
  };

private:
  std::string station_;
  T *readings_[8], **next_ = nullptr;
  static constexpr bool open_ = true;
  mutable std::mutex mutex_;
  int (Gauge::*method_)(int);
  HARBOUR_STATIC_CONSTANT(int, value = 1);
};

template <> class Gauge<int> {};

template <Number T, int Digits>
Gauge<T, Digits>::~Gauge() {}

template <Number T, int Digits>
T Gauge<T, Digits>::operator()(long at) const {
  struct Local {
    int x;
  };
  return T();
}

class Gauge<char>::OutOfRange : public std::exception {};

// Compares two phases.
inline bool operator==(Phase a, Phase b) { return int(a) == int(b); }

union Raw {
  double level;
  unsigned long bits;
};

struct {
  int anonymous;
} global;

HARBOUR_API void
register_gauge(const char *station,
               int digits = 2);

void register_gauge(const char *station, int digits) {}

} // namespace v1

namespace {
int hidden = 0;
void größe() {}
} // namespace
} // namespace harbour::tides

int harbour::tides::gauge_count = 0;
extern "C" int harbour_depth(int station) { return station; }
namespace ht = harbour::tides;
