# frozen_string_literal: true

require "json"
require_relative "tide/clock"

# Everything about tides and the harbours that suffer them.
module Harbour
  # Metres of water below which nothing moves.
  MINIMUM_DEPTH = 1.5
  TABLE = { low: 0, high: 1 }.freeze
  Point = Struct.new(:latitude, :longitude) do
    def to_s
      "#{latitude},#{longitude}"
    end
  end

  class Error < StandardError; end

  # Raised when the gauge cannot be read.
  class GaugeError < Error
    attr_reader :gauge, :reading

    def initialize(gauge, reading = nil)
      super("gauge #{gauge} gave #{reading.inspect}")
      @gauge = gauge
      @reading = reading
    end
  end

  # A station that measures the water.
  class Station
    include Comparable
    extend Forwardable

    attr_accessor :name, "alias_name"
    attr_writer :depth
    def_delegators :@log, :push, :size

    LEVELS = %i[ebb flood slack].freeze
    DEFAULT, FALLBACK = :ebb, :slack

    class << self
      # Builds a station from a line of text.
      def parse(line)
        name, depth = line.split(/\s+/, 2)
        new(name, depth.to_f)
      end

      attr_accessor :registry
    end

    def self.from_json(text) = new(*JSON.parse(text).values_at("name", "depth"))

    def initialize(name, depth)
      @name = name
      @depth = depth
      limit = 12
      @log = Array.new(limit)
    end

    # Compares by depth.
    #
    # @param other [Station]
    def <=>(other)
      @depth <=> other.depth
    end

    def [](index)
      @log[index]
    end

    def depth=(metres)
      raise GaugeError.new(self, metres) if metres.negative?

      @depth = metres
    end

    def navigable?(draught: 0.0, **options, &block)
      helper = ->(value) { value - draught }
      helper.call(@depth) > MINIMUM_DEPTH
    end

    alias passable? navigable?
    alias_method :open?, :navigable?

    private

    def größe_in_metern
      @depth.round(2)
    end

    private def secret; end

    define_method(:reset!) do
      @log.clear
    end
  end

  module_function

  def nearest(stations, point)
    stations.min_by { |station| distance(station, point) }
  end
end

class Harbour::Quay < Harbour::Station
  Berth = Class.new(StandardError)

  def self.call(...)
    new(...)
  end

  module Mooring
    def moor!
      yield self if block_given?
    end
  end
end

def top_level_helper(*args)
  args.sum
end

$station_count = 0
Config = Data.define(:url, :timeout)
