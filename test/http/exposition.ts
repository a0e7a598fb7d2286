/** One series of a metric, as it was written: `name{label="value"}`. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Prometheus text, read strictly. */
export class Exposition {
  readonly types = new Map<string, string>()
  readonly helps = new Map<string, string>()
  readonly samples: Sample[] = []

  /** Throws for what Prometheus would not read, or what its linter complains of. */
  constructor(text: string) {
    if (!text.endsWith('\n')) throw new Error('expected a line feed at the end')
    for (const line of text.split('\n')) if (line !== '') this.#line(line)
    const series = this.samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]))
    const twice = series.find((one, index) => series.indexOf(one) !== index)
    if (twice !== undefined) throw new Error(`a series came twice: ${twice}`)
    this.#checkHistograms()
  }

  /** The value of the one series that has these labels, or of none: undefined. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.all(name, labels)
    if (found.length > 1) throw new Error(`expected one series ${name} ${JSON.stringify(labels)}, got ${found.length}`)
    return found[0]?.value
  }

  all(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    const fits = (sample: Sample): boolean =>
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
    return this.samples.filter((sample) => sample.name === name && fits(sample))
  }

  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.all(name, labels).reduce((sum, { value }) => sum + value, 0)
  }

  #line(line: string): void {
    const comment = /^# (HELP|TYPE) ([a-z_:][\w:]*) (.+)$/i.exec(line)
    if (comment) {
      const [, kind, name, rest] = comment as unknown as [string, 'HELP' | 'TYPE', string, string]
      const into = kind === 'HELP' ? this.helps : this.types
      if (into.has(name)) throw new Error(`${kind} of ${name} came twice`)
      if (kind === 'TYPE') checkType(name, rest)
      into.set(name, rest)
      return
    }
    const [, name = '', labels = '', value = ''] =
      /^([a-z_:][\w:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]\d+)?|[+-]Inf|NaN)$/i.exec(line) ?? []
    if (name === '') throw new Error(`not to be read: ${line}`)
    const family = this.types.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '')
    if (!this.types.has(family) || !this.helps.has(family)) throw new Error(`no TYPE or HELP before ${line}`)
    this.samples.push({ name, labels: labelsOf(labels), value: Number(value.replace('Inf', 'Infinity')) })
  }

  /** Buckets rise, and the last holds all. */
  #checkHistograms(): void {
    for (const [name, type] of this.types) {
      if (type !== 'histogram') continue
      for (const { labels, value } of this.all(`${name}_count`)) {
        const buckets = this.all(`${name}_bucket`, labels)
        const values = buckets.map((bucket) => bucket.value)
        const rises = values.every((one, index) => index === 0 || one >= (values[index - 1] as number))
        if (!rises || buckets.at(-1)?.labels.le !== '+Inf' || values.at(-1) !== value)
          throw new Error(`the buckets of ${name} ${JSON.stringify(labels)} do not add up: ${values}`)
      }
    }
  }
}

function checkType(name: string, type: string): void {
  if (!['counter', 'gauge', 'histogram', 'summary'].includes(type)) throw new Error(`${name}: unknown type ${type}`)
  if ((type === 'counter') !== name.endsWith('_total'))
    throw new Error(`${name}: _total is for counters, and only for them`)
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const [all = '', name = '', value = ''] = /^([a-z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)/i.exec(rest) ?? []
    if (all === '') throw new Error(`not to be read as labels: ${rest}`)
    labels[name] = value.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
    rest = rest.slice(all.length)
  }
  return labels
}

/** What a server tells now. */
export async function scrape(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Exposition> {
  const response = await fetch(`${url}/metrics`, { headers, signal })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`expected 200 from ${url}/metrics, got ${response.status}: ${text}`)
  if (response.headers.get('content-type') !== 'text/plain; version=0.0.4; charset=utf-8')
    throw new Error(`expected Prometheus text, got ${response.headers.get('content-type')}`)
  return new Exposition(text)
}
