library harbour;

import 'dart:async';
import 'package:tide/clock.dart' as clock show Clock;

part 'sample.g.dart';

/// Metres of water below which nothing moves.
const double minimumDepth = 1.5;
final stations = <String, Station>{};
late int counter, errors = 0;
String? _cached;

typedef Listener = void Function(Reading reading);
typedef int Compare(Station a, Station b);

/// How the water moves.
enum Tide {
  /// Falling water.
  ebb(-1),
  flood(1),
  slack(0);

  const Tide(this.sign);

  final int sign;
  static const fallback = Tide.slack;

  String get label => name.toUpperCase();
}

enum Level { low, high }

/// Something that can be measured.
abstract interface class Measurable<T extends num> {
  T get depth;
  set depth(T value);
  void reset();
  external int native();
}

/// Writes what happened.
mixin Logs on Object implements Comparable<Object> {
  final List<String> lines = [];

  void log(String line) {
    lines.add(line);
  }
}

base mixin class Shared {}

sealed class Result<T> {}

final class Success<T> extends Result<T> {
  Success(this.value);
  final T value;
}

class Alias = Object with Logs;

/// A station that measures the water.
///
/// It keeps a log.
@immutable
class Station extends Shared with Logs implements Measurable<double> {
  /// Opens a station by name.
  Station(this.name, {required double depth, this.size})
      : _depth = depth,
        super();

  const Station.unnamed()
      : name = 'none',
        _depth = 0;

  Station._(this.name);

  factory Station.parse(String line) {
    final local = line.split(' ');
    return Station(local.first, depth: double.parse(local.last));
  }

  factory Station.redirect(String name) = OtherStation;

  /// Shown on the chart, „Größe“ too.
  final String name;
  double _depth = minimumDepth, _limit = 40;
  static final Map<String, Station> _registry = {};
  late final int? size;
  Function(double)? onChange;

  @override
  double get depth => _depth;

  @override
  set depth(double value) => _depth = value;

  /// Whether a ship floats.
  Future<bool> isNavigable<S extends Ship>(S ship, {double margin = 0.5}) async {
    double inner(double value) => value - margin;
    final closure = (double x) => inner(x);
    return closure(_depth) > ship.draught;
  }

  static Station? of(String name) => _registry[name];

  Stream<double> readings() async* {
    yield _depth;
  }

  @override
  void reset() => lines.clear();

  @override
  bool operator ==(Object other) => other is Station && other.name == name;

  double operator [](int index) => 0;

  @override
  int get hashCode => name.hashCode;
}

extension Deep on Station {
  bool get isDeep => depth > 10;
  void moor() {}
}

extension type Metres(double value) {
  Metres twice() => Metres(value * 2);
}

int get stationCount => stations.length;

set limit(int value) => counter = value;

/// The station nearest to a point.
Station nearest(Iterable<Station> all, [double x = 0, double y = 0]) {
  int compare(Station a, Station b) => 0;
  return all.first;
}

external void shutdown();

void main(List<String> arguments) async {
  var local = 1;
  print(local);
}
