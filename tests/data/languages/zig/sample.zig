//! Tides, and the harbours that suffer them.
const std = @import("std");
const Allocator = std.mem.Allocator;

/// Metres of water below which nothing moves.
pub const minimum_depth: f64 = 1.5;
pub var station_count: usize = 0;
threadlocal var scratch: [64]u8 = undefined;
extern "c" fn tide_now() c_long;

/// How the water moves.
pub const Tide = enum(u8) {
    /// Falling water.
    ebb = 1,
    flood,
    slack,
    _,

    pub const default = Tide.slack;

    pub fn sign(self: Tide) i8 {
        return switch (self) {
            .ebb => -1,
            .flood => 1,
            else => 0,
        };
    }
};

pub const GaugeError = error{ OutOfRange, Broken };

/// A reading, or why there is none.
pub const Reading = union(enum) {
    metres: f64,
    failure: GaugeError,
    none,
};

const Flags = packed struct(u8) {
    open: bool = false,
    lit: bool,
    _padding: u6 = 0,
};

/// A station that measures the water.
pub const Station = struct {
    name: []const u8,
    depth: f64 = minimum_depth,
    log: std.ArrayList(Reading),
    comptime version: u32 = 3,

    const Self = @This();

    /// Opens a station by name.
    pub fn init(allocator: Allocator, name: []const u8) !Self {
        const copy = try allocator.dupe(u8, name);
        errdefer allocator.free(copy);
        return .{ .name = copy, .log = std.ArrayList(Reading).init(allocator) };
    }

    pub fn deinit(self: *Self) void {
        self.log.deinit();
    }

    fn @"is open"(self: Self) bool {
        const Local = struct {
            value: f64,
            fn twice(v: f64) f64 {
                return v * 2;
            }
        };
        return Local.twice(self.depth) > 0;
    }

    pub const Entry = extern struct {
        index: u32,
    };
};

pub fn Queue(comptime T: type) type {
    return struct {
        items: []T,
        head: usize = 0,

        pub fn push(self: *@This(), item: T) void {
            self.items[self.head] = item;
        }
    };
}

pub const Handle = opaque {
    pub extern fn handle_close(self: *Handle) void;
};

export fn nearest(stations: [*]const Station, count: usize) callconv(.C) ?*const Station {
    var best: usize = 0;
    while (best < count) : (best += 1) {}
    return &stations[0];
}

inline fn clamp(value: f64) f64 {
    return @max(value, 0);
}

comptime {
    @export(clamp, .{ .name = "clamp" });
}

test "a station is shallow" {
    var station = try Station.init(std.testing.allocator, "north");
    defer station.deinit();
    try std.testing.expect(station.depth == minimum_depth);
}

test nearest {}
