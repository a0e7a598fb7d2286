/**
 * The time of one estimate beside NumPy's for the same draw and comparison, taken in turns; medians of the rounds.
 * Run: node examples/integral/bench.ts [points] [rounds]. Needs python3 with NumPy; PYTHON names another Python.
 */
import { spawn } from 'node:child_process'
import { cpus } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { estimate } from './sampling.ts'

const NUMPY = `
import sys, time, platform
import numpy as np
from numpy import sqrt
print(platform.python_version(), np.__version__, flush=True)
for line in sys.stdin:
    source, n = line.split()
    draw = np.random if source == 'legacy' else np.random.default_rng()
    start = time.perf_counter()
    xs = draw.uniform(0, 2, int(n))
    ys = draw.uniform(0, 2, int(n))
    result = (ys < sqrt(4 - xs**2)).mean() * 4
    print(time.perf_counter() - start, flush=True)
`

const points = Number(process.argv[2] ?? 10_000_000)
const rounds = Number(process.argv[3] ?? 9)

async function timeOurs(): Promise<number> {
  const start = performance.now()
  await estimate({ f: 'sqrt(4-xs**2)', a: 0, b: 2, c: 0, d: 2, size: points })
  return performance.now() - start
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN
}

const python = spawn(process.env.PYTHON ?? 'python3', ['-c', NUMPY], { stdio: ['pipe', 'pipe', 'inherit'] })
const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]()

async function ask(source: string): Promise<number> {
  python.stdin.write(`${source} ${points}\n`)
  return Number((await lines.next()).value) * 1000
}

const versions = (await lines.next()).value
const times = { ours: [] as number[], legacy: [] as number[], modern: [] as number[] }
// The first round warms up all three and is not counted.
for (let round = 0; round <= rounds; round++) {
  const [ours, legacy, modern] = [await timeOurs(), await ask('legacy'), await ask('default_rng')]
  if (round === 0) continue
  times.ours.push(ours)
  times.legacy.push(legacy)
  times.modern.push(modern)
}
python.stdin.end()

const [ours, legacy, modern] = [median(times.ours), median(times.legacy), median(times.modern)]
console.log(`sqrt(4-xs**2), ${points} points, median of ${rounds} rounds in turns; ${cpus()[0]?.model}`)
console.log(`ours (Node ${process.versions.node})            ${ours.toFixed(1)} ms`)
console.log(`NumPy, np.random.uniform       ${legacy.toFixed(1)} ms   ours/NumPy ${(ours / legacy).toFixed(2)}`)
console.log(`NumPy, default_rng().uniform   ${modern.toFixed(1)} ms   ours/NumPy ${(ours / modern).toFixed(2)}`)
console.log(`Python and NumPy ${versions}`)
