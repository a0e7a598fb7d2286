import uPlot from 'uplot'

/** One line of a chart. */
export interface Line {
  readonly label: string
  /** One of the colors of style/tokens.css, as `--good`. */
  readonly color: string
  /** Marked apart from the others without color, too. */
  readonly dashed?: boolean
  /** At each moment; null where nothing is known. */
  readonly values: readonly (number | null)[]
}

/** How a chart looks, as long as it is there. */
export interface Look {
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** px */
  readonly height: number
}

const FONT = '11px system-ui, sans-serif'
/** Of the axis with the values, px. */
const AXIS_WIDTH = 58

/** A chart on a canvas, as wide as its place. */
export class Drawing {
  readonly #plot: uPlot
  readonly #watcher: ResizeObserver

  constructor(place: HTMLElement, { lines, format, height }: Look) {
    this.#plot = new uPlot(optionsOf(lines, format, { width: place.clientWidth, height }), [[]], place)
    this.#watcher = new ResizeObserver(() => this.#plot.setSize({ width: place.clientWidth, height }))
    this.#watcher.observe(place)
  }

  /** Draw other values of the same lines. `times`: ms. */
  show(times: readonly number[], lines: readonly Line[]): void {
    this.#plot.setData([times.map((at) => at / 1000), ...lines.map(({ values }) => [...values])] as uPlot.AlignedData)
  }

  remove(): void {
    this.#watcher.disconnect()
    this.#plot.destroy()
  }
}

function optionsOf(
  lines: readonly Line[],
  format: Look['format'],
  size: { width: number; height: number },
): uPlot.Options {
  const axis = {
    stroke: colorOf('--quiet'),
    font: FONT,
    grid: { stroke: colorOf('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    ...size,
    legend: { show: false },
    cursor: { y: false, points: { show: false } },
    scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(high ?? 0, 1) * 1.08] } },
    axes: [
      { ...axis, values: (_, moments) => momentsOf(moments) },
      { ...axis, size: AXIS_WIDTH, values: (_, values) => values.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ label, color, dashed }) => ({
        label,
        stroke: colorOf(color),
        width: 1.5,
        ...(dashed && { dash: [5, 4] }),
        points: { show: false },
      })),
    ],
  }
}

const ofDay = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const ofYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const DAY_S = 86_400

/** Seconds since the epoch as times, or as days where they are days apart. */
function momentsOf(moments: readonly number[]): string[] {
  const [first = 0, second = first] = moments
  const format = second - first >= DAY_S ? ofYear : ofDay
  return moments.map((at) => format.format(at * 1000))
}

/** What a color of the style is now; a canvas knows no variables. */
function colorOf(name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
