// Package harbour measures the water levels of a harbour.
package harbour

import (
	"context"
	"fmt"
)

// Phase is a phase of the tide.
type Phase int

// The phases.
const (
	// Low is the lowest water.
	Low Phase = iota
	High
	slack, unknown = 7, 8
)

const gravity = 9.81

var (
	// ErrRange is returned for a reading out of range.
	ErrRange = fmt.Errorf("out of range")
	first, second int
)

var handler = func(ctx context.Context) error {
	local := 1
	_ = local
	return nil
}

type (
	// Number is what a gauge measures in.
	Number interface {
		~int | ~float64
	}

	Level = float64
)

// Gauge is a gauge at one station.
type Gauge[T Number] struct {
	Station  string `json:"station"`
	readings []T
	fmt.Stringer
	position struct {
		Lat, Lon float64
	}
	byName map[string]struct{ Count int }
}

// Reader reads levels.
type Reader interface {
	fmt.Stringer
	// Read reads one level.
	Read(ctx context.Context, at int64) (Level, error)
	Close() error
}

type callback func(level Level) bool

// NewGauge makes a gauge.
//
// It has no readings yet.
func NewGauge[T Number](station string) *Gauge[T] {
	type hidden struct{ x int }
	return &Gauge[T]{Station: station}
}

// Read implements Reader.
func (g *Gauge[T]) Read(
	ctx context.Context,
	at int64,
) (Level, error) {
	return 0, ErrRange
}

func (g Gauge[T]) Größe() int { return len(g.readings) }

/*
String names the phase.
*/
func (p Phase) String() string {
	switch p {
	case Low:
		return "low"
	}
	return fmt.Sprint(int(p))
}

func (_ *Phase) pointer(x interface{}) { fmt.Println(x) }

func init() {}
