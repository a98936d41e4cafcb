// Answers requests, one JSON text a line, with the reader that is compiled with it.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Numerics;
using System.Text;
using Evalgate;
using Evalgate.Internals;

public static class Driver
{
    private static readonly Dictionary<string, ReleaseReader> Readers = new Dictionary<string, ReleaseReader>();

    public static void Main()
    {
        var encoding = new UTF8Encoding(false);
        var input = new StreamReader(Console.OpenStandardInput(), encoding);
        var output = new StreamWriter(Console.OpenStandardOutput(), encoding) { AutoFlush = true, NewLine = "\n" };
        string line;
        while ((line = input.ReadLine()) != null)
        {
            var told = new Dictionary<string, object>();
            try
            {
                told["ok"] = Answer((Dictionary<string, object>)Json.Read(line));
            }
            catch (Exception error)
            {
                told = new Dictionary<string, object> { { "error", error.Message }, { "kind", error.GetType().Name } };
            }
            output.WriteLine(Json.Write(told));
        }
    }

    private static object Answer(Dictionary<string, object> given)
    {
        var op = (string)given["op"];
        if (op == "bucket") return (long)Bucket.Compute((string)given["salt"], (string)given["key"]);
        var document = (string)given["document"];
        byte[] data = Convert.FromBase64String(document);
        if (op == "parse")
        {
            ReleaseDocument parsed = ReleaseDocument.Parse(data);
            return new Dictionary<string, object> { { "name", parsed.Name }, { "revision", parsed.Revision } };
        }
        ReleaseReader reader;
        if (!Readers.TryGetValue(document, out reader))
        {
            Readers.Clear();
            reader = Readers[document] = new ReleaseReader(name => data);
        }
        var asked = (string)given["name"];
        Served served = given.ContainsKey("key") ? reader.Choose(asked, (string)given["key"]) : reader.Get(asked, (string)given["label"]);
        var found = new Dictionary<string, object>
        {
            { "name", served.Name }, { "revision", served.Revision }, { "version", served.Version }, { "digest", served.Digest },
            { "variant", served.Variant }, { "model", served.Model }, { "parameters", served.Parameters },
            { "tools", served.Tools }, { "responseFormat", served.ResponseFormat },
        };
        if (given.ContainsKey("variables")) found["messages"] = served.Messages(MakeVariables((List<object>)given["variables"]));
        return found;
    }

    private static Dictionary<string, object> MakeVariables(List<object> given)
    {
        var made = new Dictionary<string, object>();
        foreach (List<object> one in given) made[(string)one[0]] = Make((string)one[1], one[2]);
        return made;
    }

    private static object Make(string kind, object value)
    {
        if (kind == "unfit")
        {
            switch ((string)value)
            {
                case "half": return 1.5;
                case "nan": return double.NaN;
                case "infinity": return double.PositiveInfinity;
                case "beyond": return 9007199254740992.0;
                case "true": return true;
                default: return null;
            }
        }
        if (kind != "int") return value;
        // every type of whole numbers that holds it
        BigInteger number = BigInteger.Parse((string)value, CultureInfo.InvariantCulture);
        if (number >= 0 && number < 256) return (byte)number;
        if (number >= int.MinValue && number <= int.MaxValue) return (int)number;
        if (number >= long.MinValue && number <= long.MaxValue) return (long)number;
        return number >= 0 && number <= ulong.MaxValue ? (object)(ulong)number : number;
    }
}
