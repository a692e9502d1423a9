using System;
using System.Collections.Generic;
using static System.Math;

namespace Harbour.Tides
{
    /// <summary>How the water moves.</summary>
    [Flags]
    public enum Tide : byte
    {
        /// <summary>Falling water.</summary>
        Ebb = 1,
        Flood = 2,
        Slack,
    }

    /// <summary>Raised after each reading.</summary>
    public delegate void ReadingHandler(object sender, double metres);

    public interface IMeasurable<out T> where T : struct
    {
        T Depth { get; }
        event EventHandler Changed;
        void Reset();
        string this[int index] { get; set; }
    }

    /// <summary>A point on the chart.</summary>
    public readonly record struct Point(double Latitude, double Longitude);

    public record Reading(DateTime At, double Metres)
    {
        public bool IsLow => Metres < 1.5;
    }

    public struct Span2
    {
        public int Start, End;
        public readonly int Length() => End - Start;
    }

    /// <summary>
    /// A station that measures the water.
    /// </summary>
    public sealed partial class Station<T> : IMeasurable<double>, IDisposable
        where T : class, new()
    {
        public const double MinimumDepth = 1.5, MaximumDepth = 40;
        private static readonly Dictionary<string, Station<T>> Registry = new();
        private readonly List<double> _readings = new List<double>();
        private int größe;

        public event EventHandler Changed;

        public event ReadingHandler Read
        {
            add { _handlers += value; }
            remove { _handlers -= value; }
        }

        static Station()
        {
            Registry.Clear();
        }

        /// <summary>Opens a station by name.</summary>
        public Station(string name, double depth = MinimumDepth)
            : base()
        {
            Name = name;
            var local = depth * 2;
            double Twice(double value) => value * 2;
            Depth = Twice(local);
        }

        ~Station() => Dispose();

        public string Name { get; init; } = "none";

        public double Depth { get; private set; }

        public string this[int index]
        {
            get => _readings[index].ToString();
            set => _readings[index] = double.Parse(value);
        }

        /// <summary>Whether a ship of this draught floats.</summary>
        public bool IsNavigable<TShip>(TShip ship, Func<TShip, double> draught) where TShip : class
        {
            return Depth - draught(ship) > MinimumDepth;
        }

        void IMeasurable<double>.Reset() => _readings.Clear();

        public static Station<T> operator +(Station<T> left, Station<T> right) => left;

        public static implicit operator double(Station<T> station) => station.Depth;

        public void Dispose() { }

        /// <summary>One entry of the log.</summary>
        private class Entry
        {
            public long Ticks;
            internal Entry(long ticks) => Ticks = ticks;
        }
    }

    public static class StationExtensions
    {
        public static async Task<double> MeanAsync(this IEnumerable<Reading> readings)
        {
            await Task.Yield();
            return 0;
        }
    }

    namespace Inner
    {
        internal abstract class Quay
        {
            protected abstract void Moor(params object[] ships);
        }
    }
}
