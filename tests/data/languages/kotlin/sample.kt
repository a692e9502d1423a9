@file:JvmName("Harbours")

package org.example.harbour

import kotlin.math.max
import kotlinx.coroutines.flow.Flow as Stream

/** Metres of water below which nothing moves. */
const val MINIMUM_DEPTH = 1.5
val stations = mutableListOf<Station>()
var counter: Int = 0
    private set

typealias Listener = (Reading) -> Unit

/** How the water moves. */
enum class Tide(val sign: Int) {
    /** Falling water. */
    EBB(-1),
    FLOOD(1) {
        override fun label() = "flood"
    },
    SLACK(0);

    open fun label(): String = name.lowercase()

    companion object {
        fun of(a: Double, b: Double): Tide = if (a < b) FLOOD else EBB
    }
}

/** Something that can be measured. */
interface Measurable<out T> where T : Number {
    val depth: T
    fun reset()
}

fun interface Gauge {
    fun read(): Double
}

data class Reading(val at: Long, val metres: Double = 0.0, private var note: String? = null)

@JvmInline
value class Metres(val value: Double)

sealed class Result<out T> {
    data class Success<T>(val value: T) : Result<T>()
    data class Failure(val cause: Throwable) : Result<Nothing>()
    object Loading : Result<Nothing>()
    data object Empty : Result<Nothing>()
}

annotation class Calibrated(val by: String)

/**
 * A station that measures the water.
 *
 * @property name shown on the chart
 */
open class Station internal constructor(val name: String, depth: Double, unused: Int) : Measurable<Double>, Comparable<Station> {
    override var depth: Double = depth
        set(value) {
            require(value >= 0) { "negative" }
            field = value
        }

    private val log by lazy { ArrayList<Reading>() }
    private lateinit var gauge: Gauge
    val größe: Double get() = max(depth, MINIMUM_DEPTH)

    init {
        counter++
        val local = name.length
    }

    constructor(name: String) : this(name, MINIMUM_DEPTH, 0) {
        counter--
    }

    /** Compares by depth. */
    override operator fun compareTo(other: Station): Int = depth.compareTo(other.depth)

    override fun reset() {
        fun clearAll() = log.clear()
        clearAll()
    }

    suspend inline fun <reified R : Any> measure(crossinline block: suspend (Gauge) -> R): R {
        val (a, b) = 1 to 2
        return block(gauge)
    }

    fun `is open at night`(hour: Int) = hour > 20

    inner class Entry(val index: Int)

    companion object Factory {
        const val VERSION = 3

        @JvmStatic
        fun parse(line: String): Station = Station(line)
    }
}

/** Extension on a nullable receiver. */
fun Station?.orDefault(): Station = this ?: Station("none")

val Station.isDeep: Boolean
    get() = depth > 10

fun <T> List<T>.second(): T where T : Any = this[1]

object Registry : HashMap<String, Station>() {
    private fun readResolve(): Any = Registry
    val listener = object : Gauge {
        override fun read() = 1.0
    }
}

private tailrec fun gcd(a: Int, b: Int): Int = if (b == 0) a else gcd(b, a % b)
