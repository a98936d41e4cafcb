// Serves a prompt all the time, as an application does: one question a line, answered from a document read over HTTP.
// A question has variables for the version in production, or the keys of users.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using System.Threading;
using Evalgate;

public static class Serving
{
    public static void Main(string[] arguments)
    {
        var encoding = new UTF8Encoding(false);
        var input = new StreamReader(Console.OpenStandardInput(), encoding);
        var output = new StreamWriter(Console.OpenStandardOutput(), encoding) { AutoFlush = true, NewLine = "\n" };
        int refusals = 0;
        var reader = new ReleaseReader(
            name => Download(arguments[0] + Uri.EscapeDataString(name) + ".json"),
            ttlSeconds: double.Parse(arguments[1], System.Globalization.CultureInfo.InvariantCulture),
            onError: (name, error) => Interlocked.Increment(ref refusals));
        string line;
        while ((line = input.ReadLine()) != null)
        {
            var question = (Dictionary<string, object>)Json.Read(line);
            var name = (string)question["name"];
            if (question.ContainsKey("keys"))
            {
                var dealt = ((List<object>)question["keys"]).Select(key => reader.Choose(name, (string)key));
                output.WriteLine(Json.Write(dealt.Select(one => new List<object> { one.Variant, one.Version, one.Digest })));
                continue;
            }
            Served served = reader.Get(name);
            var told = new Dictionary<string, object>
            {
                { "version", served.Version }, { "refusals", Thread.VolatileRead(ref refusals) },
                { "messages", served.Messages((Dictionary<string, object>)question["variables"]) },
            };
            output.WriteLine(Json.Write(told));
        }
    }

    private static byte[] Download(string address)
    {
        using (var client = new WebClient()) return client.DownloadData(address);
    }
}
