-module(tide).
-export([rise/1]).
-record(gauge, {level = 0}).
-define(LIMIT, 3).
-type level() :: integer().
% commented(X) -> X.
rise(By) when By > 0 ->
    fall(By),
    case By of
        1 -> ok
    end;
rise(_) -> 0.

fall(X) -> X.
-callback init(term()) -> ok.
