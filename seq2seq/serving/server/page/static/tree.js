// The beam as a tree: a column for each step, a row for each end of a hypothesis.
import { html } from "./vendor/preact.js";
import { readable } from "./sentences.js";

const COLUMN = 104;
const ROW = 26;
const WHY = {
  pruned: "better ones left it no place",
  could_not_win: "it could not win any more when the search ended",
  too_long: "it reached the greatest length",
  ended: "only its end was kept",
};

/** Rows and columns: a branch takes the first free row below the one it left. */
function layout(nodes, best) {
  const children = nodes.map(() => []);
  nodes.forEach((node, number) => node.parent !== null && children[node.parent].push(number));
  const reach = nodes.map(() => 0); // steps from a node to the last of its descendants
  for (let at = nodes.length - 1; at > 0; at -= 1) {
    reach[nodes[at].parent] = Math.max(reach[nodes[at].parent], reach[at] + 1);
  }
  const goesOn = (number) =>
    children[number].find((child) => best.has(child)) ??
    [...children[number]].sort((one, other) => reach[other] - reach[one])[0];
  const taken = []; // for each row, the columns that are
  const place = nodes.map(() => null);
  const put = (start, column, above) => {
    const chain = [start];
    while (goesOn(chain.at(-1)) !== undefined) chain.push(goesOn(chain.at(-1)));
    const wanted = [column - 1, column + chain.length]; // with room for its line and its mark
    let row = above;
    while ((taken[row] ??= []).some(([first, last]) => first <= wanted[1] && wanted[0] <= last)) row += 1;
    taken[row].push(wanted);
    chain.forEach((number, step) => { place[number] = { x: column + step, y: row }; });
    chain.map((number, step) => [number, column + step]).reverse().forEach(([number, at]) => {
      for (const child of children[number]) if (!place[child]) put(child, at + 1, row + 1);
    });
  };
  put(0, 0, 0);
  return { place, rows: taken.length, depth: Math.max(...place.map((each) => each.x)) };
}

/** The tree without outputs that better ones beat: half of it, and the least of interest. */
function pruned({ nodes, outputs }) {
  const places = new Map();
  const kept = nodes.filter((node, number) => {
    if (node.fate !== "beaten") places.set(number, places.size);
    return node.fate !== "beaten";
  });
  return {
    nodes: kept.map((node) => ({ ...node, parent: places.get(node.parent) ?? null })),
    outputs: outputs.map((number) => places.get(number)),
    beaten: nodes.length - kept.length,
  };
}

export function BeamTree({ tree }) {
  const { nodes, outputs, beaten } = pruned(tree);
  const best = new Set();
  for (let at = outputs[0]; at !== null && at !== undefined; at = nodes[at].parent) best.add(at);
  const { place, rows, depth } = layout(nodes, best);
  const width = (depth + 1) * COLUMN + 40;
  const height = rows * ROW + 40;
  const fallen = nodes.filter((each) => each.fell_at !== null && each.fate !== "ended").length;
  const said = `${nodes.length - 1} hypotheses in ${tree.steps} steps, ${fallen} given up, ${outputs.length} outputs`;
  const x = (number) => place[number].x * COLUMN + 8;
  const y = (number) => place[number].y * ROW + 44;
  return html`<p class="quiet">${said}. Each column is a step of the search. × marks where a
      hypothesis was given up, and the number is the step at which that happened.
      ${beaten ? ` ${beaten} outputs that better ones beat are left out.` : ""}</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Tree of the beam search">
      <svg class="tree" width=${width} height=${height} role="img" aria-label=${said}>
        ${Array.from({ length: depth }, (_, step) => html`<text class="step" x=${(step + 1) * COLUMN + 8} y="16">step ${step + 1}</text>`)}
        ${nodes.map((node, number) => node.parent !== null && html`<path
            class=${best.has(number) ? "best" : ""}
            d=${`M ${x(node.parent) + 74} ${y(node.parent) - 4} C ${x(node.parent) + 92} ${y(node.parent) - 4}, ${x(number) - 20} ${y(number) - 4}, ${x(number) - 5} ${y(number) - 4}`}
          />`)}
        ${nodes.map((node, number) => {
          const gone = node.fell_at !== null && node.fate !== "ended";
          const name = number ? readable(node.token === "</s>" ? "" : node.token) : "start";
          const shown = node.token === "</s>" ? "■ end" : name;
          return html`<g class=${best.has(number) ? "best" : gone ? "fallen" : ""}>
            <title>${`log-probability ${node.log_probability}${gone ? `; given up at step ${node.fell_at}: ${WHY[node.fate]}` : ""}`}</title>
            <text x=${x(number)} y=${y(number)}>${shown.length > 9 ? `${shown.slice(0, 8)}…` : shown}</text>
            ${gone && html`<path class="cut" d=${`M ${x(number) + 66} ${y(number) - 8} l 7 7 m 0 -7 l -7 7`} />
              <text class="step" x=${x(number) + 77} y=${y(number)}>${node.fell_at}</text>`}
          </g>`;
        })}
      </svg>
    </div>`;
}
