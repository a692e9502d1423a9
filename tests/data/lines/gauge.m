classdef Gauge < handle
    properties
        level = 0
    end
    methods
        function obj = Gauge(x)
            obj.level = x;
        end
        function r = read(obj)
            r = 1; % function commented(x)
        end
    end
end
function [a, b] = helper(x)
end
