/** The canvas with its four panes, and what lies over it: letters, slice numbers, the brush. */
import { useEffect, useRef } from "preact/hooks";
import { api } from "../api/client";
import type { PaneName, SliceName } from "../viewer/niivue";
import { rulerMm } from "../viewer/ruler";
import { Pointer } from "./pointer";
import type { CaseSession } from "./session";

const NAMES: Record<PaneName, string> = {
  axial: "Axial", coronal: "Coronal", sagittal: "Sagittal", "3d": "3D",
};

/** The patient's axis through a pane's slices, and its ends. */
const SIDES: Record<SliceName, readonly [number, string]> = {
  axial: [2, "FH"], coronal: [1, "PA"], sagittal: [0, "LR"],
};
const GAP = 14;
const NARROW = 300;

export function Panes({ session, correcting }: { session: CaseSession; correcting: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { display } = session;
  useEffect(() => {
    let gone = false;
    void session.trying(async () => {
      // NiiVue is most of the bundle: the worklist does without.
      const [{ Viewer }, image] = await Promise.all([
        import("../viewer/niivue"), api.image(session.id),
      ]);
      if (gone || !canvas.current) return;
      const viewer = await Viewer.open(canvas.current, image, session.grid, display.window.value);
      if (gone) viewer.close();
      else display.attach(viewer);
    });
    return () => void (gone = true);
  }, [session]);
  const { name } = session.info.value;
  return (
    <div class="panes" data-ready={display.ready.value}>
      <div class="canvas"><canvas ref={canvas} tabIndex={-1} aria-hidden="true" /></div>
      <Over session={session} correcting={correcting} name={name} />
      {!display.ready.value && <p class="loading" role="status">Loading {name}…</p>}
    </div>
  );
}

function Over({ session, correcting, name }: {
  session: CaseSession;
  correcting: boolean;
  name: string;
}) {
  const { display, tools } = session;
  const pointer = useRef<Pointer | null>(null);
  const layer = useRef<HTMLDivElement>(null);
  pointer.current ??= new Pointer(session);
  pointer.current.correcting = correcting;
  const p = pointer.current;
  useEffect(() => {
    const element = layer.current as HTMLDivElement;
    // Preact would listen passively, and the page would scroll too.
    const wheel = (event: WheelEvent) => p.wheel(event);
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, []);
  display.drawn.value; // follow each drawing
  const tiles = display.viewer?.tiles() ?? [];
  const painting = correcting && tools.paints;
  return (
    <div
      ref={layer} class={`over${painting ? " painting" : ""}`} tabIndex={0} role="application"
      aria-label={`Slices and 3D model of ${name}. Arrow keys move the crosshair, Page Up and Page Down go through slices.`}
      aria-describedby="lesions-caption" data-testid="panes"
      onPointerDown={(event) => p.down(event)} onPointerMove={(event) => p.move(event)}
      onPointerUp={(event) => p.up(event)} onPointerCancel={(event) => p.up(event)}
      onPointerLeave={() => p.leave()} onContextMenu={(event) => event.preventDefault()}
      onDblClick={(event) => p.enlarge(event)}
    >
      {tiles.map(({ pane, box: [l, t, w, h] }) => (
        <div
          key={pane}
          class={`pane${display.pane.value === pane ? " chosen" : ""}${w < NARROW ? " narrow" : ""}`}
          style={{ left: `${l}px`, top: `${t}px`, width: `${w}px`, height: `${h}px` }}
        >
          <span class="pane-name">
            {NAMES[pane]}
            {pane !== "3d" && <SliceNumber session={session} pane={pane} />}
          </span>
          {pane !== "3d" && <Ruler session={session} pane={pane} width={w} />}
          <Letters session={session} pane={pane} />
          {pane !== "3d" && display.crosshair.value && (
            <Crosshair session={session} pane={pane} left={l} top={t} />
          )}
        </div>
      ))}
      <Cursor session={session} pointer={p} painting={painting} />
      <Outline session={session} pointer={p} />
    </div>
  );
}

function SliceNumber({ session, pane }: { session: CaseSession; pane: SliceName }) {
  session.display.drawn.value;
  const at = session.display.viewer?.slice(pane);
  if (!at) return null;
  const { viewer } = session.display;
  const [axis, sides] = SIDES[pane];
  const mm = session.grid.world(viewer!.crosshair)[axis];
  return (
    <span class="slice-number">
      {at[0]} / {at[1]}
      <span class="slice-mm">{sides[mm < 0 ? 0 : 1]} {Math.abs(mm).toFixed(1)} mm</span>
    </span>
  );
}

function Ruler({ session, pane, width }: { session: CaseSession; pane: SliceName; width: number }) {
  session.display.drawn.value;
  const scale = session.display.viewer?.scale(pane) ?? 1;
  const mm = rulerMm(scale, width);
  return <span class="ruler" style={{ width: `${mm * scale}px` }}>{mm} mm</span>;
}

function Letters({ session, pane }: { session: CaseSession; pane: PaneName }) {
  session.display.drawn.value;
  const letters = session.display.viewer?.letters(pane);
  if (!letters) return null;
  return (
    <>
      {letters.map((letter, n) => (
        <span key={n} class={`letter ${["west", "east", "north", "south"][n]}`}>{letter}</span>
      ))}
    </>
  );
}

/** Where the three slices meet, open in the middle so that a lesion is seen. */
function Crosshair({ session, pane, left, top }: {
  session: CaseSession;
  pane: SliceName;
  left: number;
  top: number;
}) {
  const { viewer, drawn } = session.display;
  drawn.value;
  const at = viewer?.placeOf(pane, viewer.crosshair);
  if (!at) return null;
  const [x, y] = [at[0] - left, at[1] - top];
  return (
    <svg class="crosshair" aria-hidden="true" data-x={at[0]} data-y={at[1]} data-pane={pane}>
      <path d={`M0 ${y}H${x - GAP}M${x + GAP} ${y}H9999M${x} 0V${y - GAP}M${x} ${y + GAP}V9999`} />
    </svg>
  );
}

/** The line that is being drawn, and how it would be closed. */
function Outline({ session, pointer }: { session: CaseSession; pointer: Pointer }) {
  const drawn = pointer.line.value;
  const { viewer } = session.display;
  session.display.drawn.value;
  if (!drawn || !viewer) return null;
  const places = drawn.points.map((point) => viewer.placeOf(drawn.pane, point));
  const line = places.filter((place) => place !== null).join(" ");
  return (
    <svg class="cursor line" data-label={session.tools.writes} aria-hidden="true">
      <polygon class="halo" points={line} />
      <polygon points={line} />
    </svg>
  );
}

/** A ring as large as the brush, in the pane under the pointer. */
function Cursor({ session, pointer, painting }: {
  session: CaseSession;
  pointer: Pointer;
  painting: boolean;
}) {
  const at = pointer.over.value;
  const { viewer } = session.display;
  if (!at || !painting || !viewer) return null;
  const radius = (session.tools.sizeMm.value / 2) * viewer.scale(at.pane);
  const label = session.tools.writes;
  return (
    <svg class="cursor" data-label={label} aria-hidden="true">
      <circle class="halo" cx={at.x} cy={at.y} r={radius} />
      <circle cx={at.x} cy={at.y} r={radius} />
    </svg>
  );
}
