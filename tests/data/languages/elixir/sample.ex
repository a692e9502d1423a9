defmodule Harbour do
  @moduledoc """
  Tides, and the harbours that suffer them.
  """

  use GenServer
  import Ecto.Query, only: [from: 2]
  alias Harbour.{Clock, Table}

  @minimum_depth 1.5
  @typedoc "How the water moves."
  @type tide :: :ebb | :flood | :slack
  @typep state :: %{stations: map()}
  @opaque handle :: reference()
  @callback measure(station :: term()) :: {:ok, float()} | {:error, term()}
  @macrocallback draw(term()) :: Macro.t()

  defguard is_depth(value) when is_number(value) and value >= 0
  defguardp is_low(value) when value < @minimum_depth

  defmodule Station do
    @moduledoc "A station that measures the water."

    @enforce_keys [:name]
    defstruct [:name, depth: 0.0, log: []]

    @type t :: %__MODULE__{name: String.t(), depth: float()}

    @doc """
    Opens a station by name.

    ## Examples

        iex> Station.new("north")
    """
    @spec new(String.t(), float()) :: t()
    def new(name, depth \\ 0.0)

    def new(name, depth) when is_binary(name) do
      %__MODULE__{name: name, depth: depth}
    end

    def navigable?(%__MODULE__{depth: depth}, draught), do: depth > draught

    defp normalise!(name), do: String.trim(name)

    def left <~> right, do: left.depth - right.depth

    def größe(station), do: round(station.depth)

    def unquote(:"dynamic name")(), do: :ok
  end

  defprotocol Measurable do
    @doc "The depth in metres."
    def depth(value)
  end

  defimpl Measurable, for: Station do
    def depth(%{depth: depth}), do: depth
  end

  defmodule GaugeError do
    defexception [:gauge, message: "the gauge cannot be read"]

    @impl true
    def message(%{gauge: gauge}), do: "gauge #{gauge}"
  end

  @doc "Times a block."
  defmacro timed(label, do: block) do
    quote do
      started = System.monotonic_time()
      result = unquote(block)
      IO.puts("#{unquote(label)}: #{System.monotonic_time() - started}")
      result
    end
  end

  defmacrop secret(), do: nil

  defdelegate now(), to: Clock
  defdelegate fetch(table, key), to: Table, as: :get

  @impl GenServer
  def init(arguments) do
    helper = fn value -> value * 2 end
    {:ok, %{stations: %{}, helper: helper, arguments: arguments}}
  end

  @impl true
  def handle_call({:depth, name}, _from, state) do
    {:reply, Map.get(state.stations, name), state}
  end

  def handle_call(:stop, _from, state), do: {:stop, :normal, :ok, state}

  for tide <- [:ebb, :flood] do
    def sign(unquote(tide)), do: unquote(tide)
  end
end

defmodule HarbourTest do
  use ExUnit.Case, async: true

  setup do
    {:ok, station: Harbour.Station.new("north")}
  end

  describe "navigable?/2" do
    test "is false in shallow water", %{station: station} do
      refute Harbour.Station.navigable?(station, 2.0)
    end
  end
end
