// Runs the scenario that the first argument names, with documents from the folder of the second, and prints JSON.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Evalgate;

public static class Behaviour
{
    private static string folder;

    public static void Main(string[] arguments)
    {
        folder = arguments[1];
        var scenarios = new Dictionary<string, Func<object>>
        {
            { "file", ReadFile }, { "flight", ShareOneCall }, { "stale", ServeStale }, { "failures", KeepLastGood }, { "cold", StartCold },
            { "hanging", ServeWhileReadHangs }, { "copies", ServeCopies }, { "speed", MeasureSpeed },
        };
        Console.WriteLine(Json.Write(scenarios[arguments[0]]()));
        Environment.Exit(0);
    }

    private static byte[] Chain(string name)
    {
        return File.ReadAllBytes(Path.Combine(folder, name + ".json"));
    }

    private static string Failure(Action call)
    {
        try
        {
            call();
            return null;
        }
        catch (Exception error)
        {
            return error.GetType().Name + ": " + error.Message;
        }
    }

    private static T[] InThreads<T>(int count, Func<T> call)
    {
        var found = new T[count];
        var threads = Enumerable.Range(0, count).Select(i => new Thread(() => found[i] = call(), 256 * 1024)).ToList();
        threads.ForEach(one => one.Start());
        threads.ForEach(one => one.Join());
        return found;
    }

    private static object ReadFile()
    {
        ReleaseReader reader = ReleaseReader.FromFile(Path.Combine(folder, "first.json"));
        Served served = reader.Get("support");
        var variables = new Dictionary<string, object> { { "name", "Ada" } };
        return new Dictionary<string, object> { { "messages", served.Messages(variables) }, { "stale", served.StaleSeconds } };
    }

    private static object ShareOneCall()
    {
        int calls = 0;
        Func<string, byte[]> read = name =>
        {
            Interlocked.Increment(ref calls);
            Thread.Sleep(500);
            return Chain("first");
        };
        var reader = new ReleaseReader(read, 1.5);
        string[] versions = InThreads(100, () => reader.Get("support").Version);
        int cold = calls;
        Thread.Sleep(1800);
        var clock = Stopwatch.StartNew();
        double[] waits = InThreads(100, () =>
        {
            double start = clock.Elapsed.TotalSeconds;
            reader.Get("support");
            return clock.Elapsed.TotalSeconds - start;
        });
        Thread.Sleep(600);
        return new Dictionary<string, object>
        {
            { "cold", cold }, { "expired", calls - cold }, { "versions", versions.Distinct().ToList() },
            { "waited", waits.Count(one => one >= 0.45) },
        };
    }

    private static object ServeStale()
    {
        string now = "first";
        var reader = new ReleaseReader(name => Chain(now), 0.2);
        string fresh = reader.Get("support").Version;
        now = "second";
        Thread.Sleep(400);
        Served old = reader.Get("support");
        Served served = old;
        for (int i = 0; i < 200 && served.Revision == 1; i++)
        {
            Thread.Sleep(20);
            served = reader.Get("support");
        }
        return new Dictionary<string, object>
        {
            { "fresh", fresh }, { "old", old.Version }, { "isOld", old.StaleSeconds >= 0.3 }, { "now", served.Version },
            { "revision", served.Revision },
        };
    }

    private static object KeepLastGood()
    {
        string now = "first";
        string seen = null;
        Func<string, byte[]> read = name =>
        {
            if (now == "down") throw new IOException("down");
            return now == "null" ? null : Chain(now);
        };
        // no refresh in the background yet, which would come between
        var reader = new ReleaseReader(read);
        var told = new Dictionary<string, object>();
        reader.Get("support");
        foreach (string one in new[] { "down", "null", "bad", "other", "stray", "changed", "second", "first", "later", "second" })
        {
            now = one;
            long revision = reader.Get("support").Revision;
            told[one + " " + revision] = Failure(() => reader.Refresh("support"));
        }
        now = "first";
        reader = new ReleaseReader(read, 0.01, (name, error) => seen = name + " " + error.Message);
        reader.Get("support");
        now = "down";
        long last = 0;
        for (int i = 0; i < 200 && seen == null; i++)
        {
            Thread.Sleep(20);
            last = reader.Get("support").Revision;
        }
        return new Dictionary<string, object> { { "told", told }, { "background", last }, { "seen", seen } };
    }

    private static object StartCold()
    {
        bool up = false;
        int calls = 0;
        Func<string, byte[]> read = name =>
        {
            Interlocked.Increment(ref calls);
            Thread.Sleep(800);
            if (!up) throw new IOException("down");
            return Chain("first");
        };
        var reader = new ReleaseReader(read);
        string[] errors = InThreads(20, () => Failure(() => reader.Get("support")));
        int cold = calls;
        up = true;
        return new Dictionary<string, object>
        {
            { "errors", errors.Distinct().OrderBy(one => one, StringComparer.Ordinal).ToList() }, { "calls", cold },
            { "version", reader.Choose("support", null).Version },
        };
    }

    private static object ServeWhileReadHangs()
    {
        bool hangs = false;
        Func<string, byte[]> read = name =>
        {
            if (hangs) Thread.Sleep(Timeout.Infinite);
            return Chain("first");
        };
        var reader = new ReleaseReader(read, 0.01);
        reader.Get("support");
        hangs = true;
        Thread.Sleep(50);
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < 1000; i++) reader.Get("support");
        return clock.Elapsed.TotalSeconds;
    }

    private static object ServeCopies()
    {
        Served served = ReleaseReader.FromFile(Path.Combine(folder, "first.json")).Get("support");
        served.Parameters["temperature"] = 2;
        var variables = new Dictionary<string, object> { { "name", "Ada" } };
        served.Messages(variables)[0]["content"] = "changed";
        return new List<object> { served.Parameters["temperature"], served.Messages(variables)[0]["content"] };
    }

    private static double Measure(Action<int> call)
    {
        double best = double.MaxValue;
        for (int round = 0; round < 10; round++)
        {
            var clock = Stopwatch.StartNew();
            for (int i = 0; i < 2000; i++) call(i);
            best = Math.Min(best, clock.Elapsed.TotalMilliseconds * 1000 / 2000);
        }
        return best;
    }

    private static object MeasureSpeed()
    {
        ReleaseReader reader = ReleaseReader.FromFile(Path.Combine(folder, "rollout.json"));
        return new Dictionary<string, object>
        {
            { "get", Measure(i => reader.Get("support")) }, { "choose", Measure(i => reader.Choose("support", "user-" + i)) },
            { "messages", Measure(i => reader.Get("support").Messages(new Dictionary<string, object> { { "name", i } })) },
        };
    }
}
