import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PYTHON = process.env.PYTHON ?? 'python3'

/** Whether there is a Python with NumPy to compare with. */
export const hasNumpy = spawnSync(PYTHON, ['-c', 'import numpy']).status === 0

/** For each expression and each noise, NumPy's values at the points. All in one process. */
export function evaluateWithNumpy(expressions: string[], xs: Float64Array, noise: number[]): Float64Array[][] {
  const { stdout, stderr, status } = spawnSync(PYTHON, [fileURLToPath(new URL('reference.py', import.meta.url))], {
    input: JSON.stringify({ expressions, xs: Buffer.from(xs.buffer).toString('base64'), noise }),
    encoding: 'utf8',
    maxBuffer: 1e9,
  })
  if (status !== 0) throw new Error(`NumPy could not evaluate: ${stderr}`)
  const lines = stdout.trimEnd().split('\n')
  return lines.map((line) => {
    const bytes = Uint8Array.from(Buffer.from(line, 'base64'))
    const values = new Float64Array(bytes.buffer)
    return noise.map((_, index) => values.subarray(index * xs.length, (index + 1) * xs.length))
  })
}
