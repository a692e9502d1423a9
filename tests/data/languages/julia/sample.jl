"""
    Harbour

Tides, and the harbours that suffer them.
"""
module Harbour

using Dates: now
import Base: show, +, length
export Station, nearest

include("clock.jl")

"Metres of water below which nothing moves."
const MINIMUM_DEPTH = 1.5
const LEVELS, FALLBACK = (:low, :high), :slack
global counter = 0
const Depth = Union{Float64, Missing}

# How the water moves.
@enum Tide begin
    ebb = -1
    slack
    flood
end

@enum Level low high

"Something that can be measured."
abstract type Measurable{T} <: Any end

primitive type Byte8 <: Unsigned 8 end

"""
A station that measures the water.
"""
mutable struct Station{T <: Real} <: Measurable{T}
    name::String
    depth::T
    "What was read so far."
    log::Vector{T}
    größe
    limit::Int = 12

    function Station{T}(name, depth) where {T}
        local copy = String(name)
        new{T}(copy, depth, T[])
    end

    Station(name::AbstractString) = Station{Float64}(name, MINIMUM_DEPTH)
end

struct Point
    latitude::Float64
    longitude::Float64
end

Base.@kwdef struct Options
    margin::Float64 = 0.5
end

"""
    nearest(stations, point)

The station nearest to a point.
"""
function nearest(stations::Vector{<:Station}, point::Point; limit::Int = 3)
    best = first(stations)
    distance(station) = abs(station.depth - limit)
    for station in stations
        if distance(station) < distance(best)
            best = station
        end
    end
    return best
end

function show(io::IO, station::Station{T}) where {T}
    print(io, station.name)
end

function Base.length(station::Station)::Int
    length(station.log)
end

isdeep(station) = station.depth > 10

navigable(station::Station{T}, draught::Real) where {T} = station.depth > draught

typed(x)::Int = x

Base.:+(a::Station, b::Station) = Station(a.name, a.depth + b.depth)
a ⊕ b = a + b
-(a::Point) = Point(-a.latitude, -a.longitude)
Base.getindex(station::Station, i) = station.log[i]

(station::Station)(x) = station.depth + x

function declared end

"Times a block."
macro timed(label, block)
    return quote
        started = now()
        $(esc(block))
    end
end

@inline function fast(x::Float64)
    x * 2
end

@generated twice(x) = :(x * 2)

anonymous = x -> x + 1

module Inner
    export moor!
    moor!(station) = station
end

baremodule Bare end

end # module
