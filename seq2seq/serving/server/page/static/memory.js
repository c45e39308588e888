// What the recurrent layers remember: gates on average, and the state of the liveliest units.
import { html } from "./vendor/preact.js";
import { readable } from "./sentences.js";

const CELL = 26;
const NAMES = 116;

function Row({ name, values, y, marks, signed }) {
  const largest = signed || 1;
  return html`<text class="name" x="0" y=${y + 17}>${name}</text>
    ${values.map((value, step) => {
      const side = Math.sqrt(Math.min(1, Math.abs(value) / largest)) * (CELL - 4);
      const start = (CELL - side) / 2;
      return html`<g>
        <title>${`${name}, ${marks[step]}: ${value}`}</title>
        <rect class="cell" x=${NAMES + step * CELL} y=${y} width=${CELL} height=${CELL} />
        <rect
          class=${signed ? (value < 0 ? "minus" : "plus") : "gate"}
          x=${NAMES + step * CELL + start} y=${y + start} width=${side} height=${side}
          rx=${value < 0 ? side / 2 : 2}
        />
      </g>`;
    })}`;
}

function Layer({ layer, tokens }) {
  const marks = tokens.map(readable);
  const gates = Object.entries(layer.gates);
  const largest = Math.max(1e-6, ...layer.values.flat().map(Math.abs));
  const top = 74;
  const rows = gates.length + layer.values.length;
  const gap = gates.length ? 8 : 0;
  return html`<h3>${layer.name.replaceAll("_", " ")}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label=${`Gates and state of ${layer.name}`}>
      <svg class="memory" width=${NAMES + tokens.length * CELL + 60} height=${top + rows * CELL + gap + 4}
        role="img" aria-label=${`${gates.map(([name]) => name).join(", ")} and ${layer.state} at each of ${tokens.length} steps`}>
        ${marks.map((mark, step) => html`<text transform=${`translate(${NAMES + step * CELL + 12} ${top - 6}) rotate(-45)`}>
            ${mark.length > 10 ? `${mark.slice(0, 9)}…` : mark}
          </text>`)}
        ${gates.map(([name, each], row) => html`<${Row} name=${`${name} gate`} values=${each} y=${top + row * CELL} marks=${marks} />`)}
        ${layer.values.map((values, row) => html`<${Row} name=${`unit ${layer.units[row]}`} values=${values}
            y=${top + gap + (gates.length + row) * CELL} marks=${marks} signed=${largest} />`)}
      </svg>
    </div>`;
}

export function Memory({ layers, source, read }) {
  return html`<p class="quiet">A full square is a gate that is open on average over the layer's units.
      Below, the state of the units that change most: squares are above zero, discs below.</p>
    <div class="memory">${layers.map((layer) => html`<${Layer}
        key=${layer.name} layer=${layer} tokens=${layer.name.startsWith("encoder") ? source : read} />`)}</div>`;
}
