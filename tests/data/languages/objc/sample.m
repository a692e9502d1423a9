#import <Foundation/Foundation.h>
#import "TideClock.h"

#define MINIMUM_DEPTH 1.5
#define CLAMP(value, low) ((value) < (low) ? (low) : (value))

NS_ASSUME_NONNULL_BEGIN

/// Sent after each reading.
NSString *const HRBReadingNotification = @"HRBReadingNotification";
static NSUInteger stationCount = 0;

/** How the water moves. */
typedef NS_ENUM(NSInteger, HRBTide) {
    /// Falling water.
    HRBTideEbb = -1,
    HRBTideSlack,
    HRBTideFlood,
};

enum HRBLevel { HRBLevelLow, HRBLevelHigh };

typedef struct {
    double latitude;
    double longitude, altitude;
} HRBPoint;

struct HRBSpan {
    int start;
};

typedef void (^HRBCompletion)(NSError *_Nullable error);

@class HRBLog;
@protocol HRBForward;

/// Something that can be measured.
@protocol HRBMeasurable <NSObject>
@property (nonatomic, readonly) double depth;
- (void)reset;
@optional
+ (instancetype)shared;
@end

/**
 * A station that measures the water.
 */
@interface HRBStation<ObjectType> : NSObject <HRBMeasurable, NSCopying> {
  @private
    NSMutableArray *_readings;
    double _depth;
}

@property (nonatomic, copy, nullable) NSString *name;
@property (class, nonatomic, readonly) HRBStation *shared;
@property (nonatomic, copy) void (^onChange)(double metres);

/// Opens a station by name.
- (instancetype)initWithName:(NSString *)name depth:(double)depth NS_DESIGNATED_INITIALIZER;
+ (nullable instancetype)stationFromLine:(NSString *)line error:(NSError **)error;
- (BOOL)isNavigableFor:(ObjectType)ship;

@end

@interface HRBStation ()
@property (nonatomic) NSInteger errors;
@end

@interface HRBStation (Mooring)
- (void)moor;
@end

@implementation HRBStation {
    NSInteger _count;
}

@synthesize name = _name;
@dynamic errors;

- (instancetype)initWithName:(NSString *)name depth:(double)depth {
    if ((self = [super init])) {
        _name = [name copy];
        double local = depth * 2;
        void (^block)(void) = ^{ NSLog(@"%f", local); };
        block();
    }
    return self;
}

+ (nullable instancetype)stationFromLine:(NSString *)line error:(NSError **)error {
    return nil;
}

- (void)reset {
    [_readings removeAllObjects];
}

- (void)dealloc
{
    stationCount--;
}

@end

@implementation HRBStation (Mooring)

- (void)moor {
}

@end

/// The station nearest to a point.
static HRBStation *_Nullable HRBNearest(NSArray<HRBStation *> *stations, HRBPoint point) {
    return stations.firstObject;
}

extern void HRBShutdown(int code);

NS_ASSUME_NONNULL_END
