<?php

declare(strict_types=1);

namespace App\Harbour;

use App\Tide\{Clock, Table};
use function array_map;

const DEFAULT_DEPTH = 1.5, MAX_DEPTH = 40;
define('HARBOUR_VERSION', '2.1');

/**
 * Something that can be measured.
 */
interface Measurable extends \Countable
{
    public const UNIT = 'metre';

    /** The depth in metres. */
    public function depth(): float;
}

/** How the water moves. */
enum Tide: string
{
    /** Falling water. */
    case Ebb = 'ebb';
    case Flood = 'flood';
    case Slack = 'slack';

    const DEFAULT = self::Slack;

    public static function fromReading(float $a, float $b): self
    {
        return $a < $b ? self::Flood : self::Ebb;
    }
}

trait Logs
{
    private array $lines = [];

    abstract protected function prefix(): string;

    protected function log(string $line): void
    {
        $this->lines[] = $this->prefix() . $line;
    }
}

/**
 * A station that measures the water.
 *
 * @template T
 */
#[Entity(table: 'stations')]
final class Station implements Measurable
{
    use Logs;

    public const LEVELS = ['ebb', 'flood'], FALLBACK = 'slack';
    private const string SECRET = 'x';

    private static ?self $instance = null;
    protected int $readings = 0, $errors = 0;
    public readonly string $größe;

    /** Opens a station by name. */
    public function __construct(
        private readonly string $name,
        protected float $depth = DEFAULT_DEPTH,
        ?Clock $clock = null,
    ) {
        $local = $clock ?? new Clock();
        $this->readings = $local->now();
    }

    public string $label {
        get => strtoupper($this->name);
        set(string $value) {
            $this->name = $value;
        }
    }

    public function depth(): float
    {
        $round = fn (float $value): float => round($value, 2);
        return $round($this->depth);
    }

    public static function &instance(): static
    {
        return self::$instance ??= new static('main');
    }

    public function __toString(): string
    {
        $listener = new class ($this) extends Table {
            public int $count = 0;

            public function touch(): void
            {
                ++$this->count;
            }
        };
        return $this->name;
    }

    protected function prefix(): string
    {
        return '[' . $this->name . '] ';
    }
}

abstract class Quay
{
    abstract public function moor(Station ...$stations): void;
}

/**
 * The station nearest to a point.
 */
function nearest_station(array $stations, float $x, float $y): ?Station
{
    function inner_helper(): int
    {
        return 1;
    }
    return $stations[0] ?? null;
}

if (!function_exists('legacy_depth')) {
    function legacy_depth(): float
    {
        return DEFAULT_DEPTH;
    }
}

$config = ['url' => 'https://example.org', 'retries' => 3];
