# class Commented
module Tide
  class Gauge < Base
    property level : Int32
    LIMIT = 3
    def initialize(@level)
    end
    def self.create
    end
    def full?
    end
  end
  struct Point
  end
  enum Kind
  end
  macro define_it(name)
  end
end
