package org.example
package harbour

import scala.collection.mutable.{Map => MutableMap}
import scala.concurrent.Future

/** How the water moves. */
enum Tide(val sign: Int):
  /** Falling water. */
  case Ebb extends Tide(-1)
  case Flood extends Tide(1)
  case Slack, Unknown extends Tide(0)

  def label: String = toString.toLowerCase

enum Shape[+A]:
  case Circle(radius: Double)
  case Square(side: A)

/** Something that can be measured. */
trait Measurable[T]:
  type Unit <: T
  def depth: T
  val unit: String
  var mark: Int
  given ordering: Ordering[T]

sealed abstract class Result[+A]
case class Success[A](value: A, note: Option[String] = None) extends Result[A]
case object Empty extends Result[Nothing]

/**
 * A station that measures the water.
 *
 * @tparam G the gauge
 */
class Station[G <: Gauge](val name: String, var depth: Double, private val log: Log, size: Int)(using clock: Clock)
    extends Measurable[Double]
    with Ordered[Station[G]] {

  type Listener = Reading => scala.Unit
  private[this] val readings = MutableMap.empty[Long, Double]
  private var größe: Double = 0.0
  lazy val (first, second) = (readings.head, readings.last)

  def this(name: String) = {
    this(name, Station.MinimumDepth, null, 0)
  }

  /** Compares by depth. */
  override def compare(that: Station[G]): Int = {
    val difference = depth - that.depth
    def sign(value: Double): Int = if (value < 0) -1 else 1
    sign(difference)
  }

  def +(other: Station[G]): Station[G] = this

  def depth_=(metres: Double): scala.Unit = ()

  def `is open`: Boolean = true

  def isNavigable[S: Floating](ship: S, margin: Double = 0.5)(implicit tide: Tide): Boolean =
    depth - margin > ship.draught

  class Entry(val index: Int)

  object Cache {
    val limit = 12
  }
}

/** Everything that is known without a station. */
object Station {
  final val MinimumDepth = 1.5
  implicit val byDepth: Ordering[Station[?]] = Ordering.by(_.depth)

  def apply(line: String): Station[Gauge] = new Station(line)

  def unapply(station: Station[?]): Option[String] = Some(station.name)

  implicit class RichStation(val station: Station[?]) extends AnyVal {
    def moor(): scala.Unit = ()
  }
}

package object chart {
  type Point = (Double, Double)
  val Origin: Point = (0, 0)
}

opaque type Metres = Double

extension (station: Station[?])
  def isDeep: Boolean = station.depth > 10
  def twice: Double = station.depth * 2

given stationShow: Show[Station[?]] with
  def show(station: Station[?]): String = station.name

given Conversion[Double, Metres] = identity

val topLevel = 3

inline def nearest(stations: Seq[Station[?]]): Option[Station[?]] = stations.headOption

@main def run(args: String*): scala.Unit =
  println(args.mkString)
