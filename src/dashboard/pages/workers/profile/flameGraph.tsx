import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { Button } from '../../../parts/ask/button.tsx'
import { counted, duration, percent } from '../../../parts/text/format.ts'
import { Outside, visible } from '../../../parts/text/outside.tsx'
import { type Call, keyOf } from './callTree.ts'
import { boxBeside, type FlameBox, flameBoxes } from './flameBoxes.ts'

/** Height of a row, px; as in workers.css. */
const ROW = 19
const ARROWS: ReadonlySet<string> = new Set(['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight'])

/** Callers above, what they call below, as wide as it took. `marked`: a function whose boxes are marked. */
export function FlameGraph({ root, marked }: { root: Call; marked: string | undefined }): JSX.Element {
  const [focus, setFocus] = useState(root)
  const [chosen, setChosen] = useState<FlameBox>()
  const { boxes, rows, hidden } = useMemo(() => flameBoxes(focus), [focus])
  const current = chosen && boxes.includes(chosen) ? chosen : boxes[0]
  // The same elements as long as the same is drawn: to compare thousands at each move of the mouse would be slow.
  const drawn = useMemo(
    () => boxes.map((box, at) => <Box key={at} at={at} box={box} isMarked={keyOf(box.call) === marked} />),
    [boxes, marked],
  )
  const zoom = (call: Call | undefined): void => {
    if (call) setFocus(call)
    setChosen(undefined)
  }
  const boxAt = (target: EventTarget | null): FlameBox | undefined =>
    target instanceof HTMLElement ? boxes[Number(target.dataset.box ?? -1)] : undefined
  const press = (event: KeyboardEvent): void => {
    const { key } = event
    if (ARROWS.has(key)) setChosen((current && boxBeside(boxes, current, key)) ?? current)
    else if (key === 'Enter') zoom(current?.call)
    else if (key === 'Escape') zoom(root)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div class="flame">
      <p class="flame-now" aria-live="polite">
        {current && <Details call={current.call} of={root} />}
      </p>
      <div
        class="flame-scroll"
        role="application"
        aria-roledescription="flame graph"
        aria-label="Flame graph: arrow keys move, Enter zooms in, Escape shows all"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keys move in it.
        tabIndex={0}
        onKeyDown={press}
        onClick={({ target }) => zoom(boxAt(target)?.call)}
        onMouseMove={({ target }) => setChosen(boxAt(target) ?? current)}
      >
        <div class="flame-boxes" style={{ height: `${rows * ROW}px` }}>
          {drawn}
          {current && <div class="flame-current" style={placeOf(current)} />}
        </div>
      </div>
      <div class="row quiet">
        <Legend />
        {hidden > 0 && <span>{counted(hidden, 'call')} too short or too deep to draw</span>}
        {focus !== root && <Button onPress={() => zoom(root)}>Show all</Button>}
      </div>
    </div>
  )
}

function Box({ at, box, isMarked }: { at: number; box: FlameBox; isMarked: boolean }): JSX.Element {
  const { call, width } = box
  return (
    <div class={`flame-box ${call.kind}${isMarked ? ' marked' : ''}`} data-box={at} style={placeOf(box)}>
      {/* Names in boxes that are too narrow for a letter would only cost. */}
      {width > 0.01 ? visible(call.name.slice(0, 200)) : ''}
    </div>
  )
}

function placeOf({ left, width, row }: FlameBox): { left: string; width: string; top: string } {
  return { left: `${left * 100}%`, width: `${width * 100}%`, top: `${row * ROW}px` }
}

function Details({ call, of }: { call: Call; of: Call }): JSX.Element {
  const { name, place, self, total } = call
  const share = of.total > 0 ? ` (${percent(total / of.total)})` : ''
  return (
    <>
      <strong>
        <Outside text={name} />
      </strong>{' '}
      {duration(total)}
      {share}, itself {duration(self)}{' '}
      <span class="quiet">{place !== '' && <Outside text={place} length={300} />}</span>
    </>
  )
}

function Legend(): JSX.Element {
  return (
    <>
      <span class="flame-key own">own code</span>
      <span class="flame-key package">packages</span>
      <span class="flame-key node">Node</span>
      <span class="flame-key engine">engine</span>
    </>
  )
}
