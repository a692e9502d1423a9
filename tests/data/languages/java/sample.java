package org.example.harbour;

import java.util.List;
import java.util.function.Function;

/** The phases of a tide. */
public enum Phase implements Named {
    /** The lowest water. */
    LOW("low"),
    HIGH("high") {
        @Override
        public String label() {
            return "HIGH";
        }
    };

    private final String name;

    Phase(String name) {
        this.name = name;
    }

    public String label() {
        return name;
    }
}

/**
 * A gauge at one station.
 *
 * @param <T> what it measures in
 */
@SuppressWarnings("unused")
abstract class Gauge<T extends Number & Comparable<T>> extends Base<T> implements Reader<T> {
    /** The standard gravity. */
    public static final double GRAVITY = 9.81;
    private static int first, second[];

    static {
        first = 1;
    }

    protected final List<T> readings = List.of();

    private final Runnable task = new Runnable() {
        int count;

        @Override
        public void run() {
            count++;
        }
    };

    // Made for a station.
    public Gauge(String station) throws OutOfRange {
        super(station);
    }

    /**
     * Reads one level.
     * @throws OutOfRange never
     */
    @Override
    @Deprecated
    public <R> R read(long at, Function<? super T, R> by)
            throws OutOfRange {
        int local = 0;
        class Window {
            int width;

            void shift() {}
        }
        return by.apply(null);
    }

    abstract T nearest(double instant);

    native int größe();

    static class OutOfRange extends Exception {
        OutOfRange() {}
    }

    private class Inner {
        private class Deeper {
            int depth;
        }
    }
}

interface Reader<T> extends AutoCloseable {
    int LIMIT = 8;

    T read(long at);

    default void close() {}
}

@interface Measured {
    String unit() default "m";

    int[] digits();
}

record Position(double latitude, double longitude) {
    static final Position ORIGIN = new Position(0, 0);

    Position {
        if (latitude > 90) throw new IllegalArgumentException();
    }

    double distance(Position other) {
        return 0;
    }
}
