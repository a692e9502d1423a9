/* Water levels of a harbour. */
#ifndef HARBOUR_H
#define HARBOUR_H

#include <stdint.h>

#define GRAVITY 9.81
/** The larger of two. */
#define LARGER(a, b) \
	((a) > (b) ? (a) : (b))

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum phase - the phases of a tide
 * @PHASE_LOW: the lowest water
 */
enum phase {
	PHASE_LOW,	/* the lowest */
	PHASE_HIGH = 7,
	PHASE_SLACK,
};

typedef uint32_t instant_t;
typedef int (*reader_fn)(instant_t at, double *level);

/// A position.
typedef struct {
	double latitude, longitude;
} position_t;

struct reading;

/* A gauge at one station. */
struct gauge {
	const char *station;
	struct reading *readings[8];
	unsigned int is_open:1, is_tidal:1;
	int (*read)(struct gauge *self, instant_t at);
	union {
		double level;
		uint64_t bits;
	};
	struct {
		position_t at;
	} place;
#ifdef CONFIG_NAMES
	char name[16][32];
#endif
} __packed;

typedef struct node {
	struct node *next;
} node_t, *node_ptr;

extern int gauge_count;
static const char *const names[] = { "low", "high" };
static struct gauge first = { .station = "a" }, *second;
double levels[4] = { 0 };
static int limit __read_mostly = 8;

/* Opens a gauge. */
struct gauge *gauge_open(const char *station);
static int helper(int a);
int defined_elsewhere(void);

/**
 * gauge_read - reads one level
 * @self: the gauge
 *
 * Returns the level.
 */
static inline __must_check int
gauge_read(struct gauge *self, instant_t at)
{
	int local = 0;
#define SCALE 3
	struct window { int width; } w;
	return local * SCALE + w.width;
}

static int helper(int a) { return a; }

struct gauge *gauge_open(const char *station)
{
	return &first;
}

int (*reader_for(int kind))(instant_t at)
{
	return 0;
}

#if 0
void disabled(void) {}
#elif defined(LINUX)
void on_linux(void) {}
#else
void elsewhere(void) {}
#endif

#ifdef __cplusplus
}
#endif
#endif
