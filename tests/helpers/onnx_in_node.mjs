// Rows of ids through an ONNX model in onnxruntime-web: node onnx_in_node.mjs RUNTIME MODEL BATCHES.json
import { readFileSync } from "node:fs";

const [, , runtime, model, batches] = process.argv;
const ort = await import(runtime);
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error"; // its warnings are about shapes that loops change
const session = await ort.InferenceSession.create(readFileSync(model), { executionProviders: ["wasm"] });

const found = [];
for (const rows of JSON.parse(readFileSync(batches, "utf8"))) {
  const width = Math.max(...rows.map((ids) => ids.length));
  const source = new Int32Array(rows.length * width); // padded with 0
  rows.forEach((ids, row) => source.set(ids, row * width));
  const given = { source_ids: new ort.Tensor("int32", source, [rows.length, width]) };
  const { ids, lengths, scores } = await session.run(given);
  const [, ranks, steps] = ids.dims;
  rows.forEach((_, row) => {
    const places = Array.from({ length: ranks }, (_, rank) => row * ranks + rank);
    found.push(
      places.map((place) => ({
        ids: Array.from(ids.data.slice(place * steps, place * steps + lengths.data[place])),
        score: scores.data[place],
      })),
    );
  });
}
console.log(JSON.stringify(found));
