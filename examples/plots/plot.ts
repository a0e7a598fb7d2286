import { createRequire } from 'node:module'
import { Resvg } from '@resvg/resvg-js'
import type { EChartsOption } from 'echarts'
import { LineChart } from 'echarts/charts'
import { GridComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { LARGEST, type Point } from './series.ts'

/*
 * A time series as a picture, in two steps: the figure as SVG by ECharts, which needs no browser for it, and its pixels
 * by resvg. The font comes with it, so that it is the same picture on a machine without any.
 */

use([LineChart, GridComponent, TitleComponent, SVGRenderer])

/** Units of the figure; the picture has twice as many pixels, for sharp screens. */
const WIDTH = 800
const HEIGHT = 450
const SCALE = 2
/** Where the axis of values is: the first date is written to its left. */
const LEFT = 80

const DAY = 86_400_000
const FONT = 'DejaVu Sans'
const LINE = '#2563eb'
const INK = '#1e293b'
const MUTED = '#64748b'
const RULE = '#e2e8f0'

const require = createRequire(import.meta.url)
const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((name) =>
  require.resolve(`dejavu-fonts-ttf/ttf/${name}`),
)

/** The figure as SVG. */
export function drawFigure(points: readonly Point[]): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT })
  try {
    chart.setOption(figureOf(points))
    return chart.renderToSVGString()
  } finally {
    chart.dispose()
  }
}

/** Its pixels, as PNG. */
export function toPng(svg: string): Uint8Array {
  const font = { fontFiles, loadSystemFonts: false, defaultFontFamily: FONT }
  return new Resvg(svg, { fitTo: { mode: 'zoom', value: SCALE }, font }).render().asPng()
}

function figureOf(points: readonly Point[]): EChartsOption {
  return {
    animation: false,
    useUTC: true,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT },
    title: {
      text: 'Random values',
      subtext: 'one for each day, from today on',
      left: LEFT,
      top: 24,
      padding: 0,
      itemGap: 8,
      textStyle: { fontFamily: FONT, fontSize: 18, fontWeight: 'bold', color: INK },
      subtextStyle: { fontFamily: FONT, fontSize: 12, color: MUTED },
    },
    grid: { left: LEFT, right: 40, top: 92, bottom: 72 },
    xAxis: {
      type: 'time',
      minInterval: DAY,
      maxInterval: DAY,
      axisLine: { lineStyle: { color: MUTED } },
      axisTick: { length: 5, lineStyle: { color: MUTED } },
      axisLabel: { formatter: '{yyyy}-{MM}-{dd}', rotate: 30, color: INK, fontSize: 12, hideOverlap: false },
    },
    yAxis: {
      type: 'value',
      min: 0,
      max: LARGEST,
      axisLabel: { color: INK, fontSize: 12, formatter: '{value}' },
      splitLine: { lineStyle: { color: RULE } },
    },
    series: [
      {
        type: 'line',
        data: points.map(({ date, value }) => [date.getTime(), value]),
        symbol: 'circle',
        symbolSize: 8,
        itemStyle: { color: '#ffffff', borderColor: LINE, borderWidth: 2 },
        lineStyle: { color: LINE, width: 2.5 },
        areaStyle: { color: LINE, opacity: 0.08 },
      },
    ],
  }
}
