import Foundation
@testable import TideKit

/// Metres of water below which nothing moves.
public let minimumDepth: Double = 1.5
var (first, second) = (1, 2)
private var stations: [String: Station] = [:]

public typealias Listener = (Reading) -> Void

/// How the water moves.
@frozen
public enum Tide: String, CaseIterable {
    /// Falling water.
    case ebb
    case flood = "flood", slack

    static let `default` = Tide.slack

    var sign: Int {
        switch self {
        case .ebb: return -1
        case .flood: return 1
        case .slack: return 0
        }
    }
}

indirect enum Expression<T> {
    case value(T)
    case sum(left: Expression<T>, right: Expression<T>)
}

/// Something that can be measured.
public protocol Measurable: AnyObject {
    associatedtype Unit: Numeric
    var depth: Unit { get set }
    static func make() -> Self
    init(depth: Unit)
    func reset() throws
    subscript(index: Int) -> Unit { get }
}

public struct Reading: Codable, Hashable {
    public let at: Date
    public var metres = 0.0, note: String?

    enum CodingKeys: String, CodingKey {
        case at, metres
    }

    mutating func scale(by factor: Double) {
        let local = metres * factor
        metres = local
    }
}

/**
 A station that measures the water.
 */
@MainActor
open class Station<Gauge>: NSObject, Measurable where Gauge: Equatable {
    public typealias Unit = Double
    static var shared: Station?
    private lazy var log: [Reading] = []
    public var depth: Double = minimumDepth {
        willSet { print(newValue) }
        didSet { log.append(Reading(at: Date(), metres: depth)) }
    }
    weak var größe: NSNumber?
    @Published private(set) var name = "none"

    var isDeep: Bool { depth > 10 }

    /// Opens a station by depth.
    public required init(depth: Double) {
        self.depth = depth
        super.init()
    }

    convenience init?(line: String) {
        guard let value = Double(line) else { return nil }
        self.init(depth: value)
    }

    deinit {
        log.removeAll()
    }

    /// Whether a ship floats.
    func isNavigable<Ship: Floating>(for ship: Ship, margin: Double = 0.5) async throws -> Bool {
        func inner(_ value: Double) -> Double { value - margin }
        let closure = { (x: Double) in inner(x) }
        return closure(depth) > ship.draught
    }

    class func make() -> Self { fatalError() }

    subscript(index: Int) -> Double {
        get { log[index].metres }
        set { log[index].metres = newValue }
    }

    static func == (lhs: Station, rhs: Station) -> Bool { lhs.depth == rhs.depth }

    private struct Entry {
        let index: Int
    }
}

extension Station: CustomStringConvertible where Gauge: Codable {
    public override var description: String { "station" }
    func moor() {}
}

actor Registry {
    private var count = 0
    func increment() -> Int { count += 1; return count }
}

infix operator <~>: AdditionPrecedence
precedencegroup TidePrecedence { associativity: left }

public func <~> (left: Double, right: Double) -> Double { left - right }

@discardableResult
func nearest<S: Sequence>(_ stations: S, to point: (Double, Double)) -> S.Element? where S.Element: Measurable {
    stations.first { _ in true }
}

@freestanding(expression)
public macro stringify<T>(_ value: T) -> (T, String) = #externalMacro(module: "TideMacros", type: "StringifyMacro")
