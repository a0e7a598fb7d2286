import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The Python that `npm test` puts NumPy into. */
const PYTHON = process.env.PYTHON ?? '/usr/bin/python3'

/** For each expression and each noise, NumPy's values at the points. All in one process. */
export function evaluateWithNumpy(expressions: string[], xs: Float64Array, noise: number[]): Float64Array[][] {
  const { stdout, stderr, status, error } = spawnSync(
    PYTHON,
    [fileURLToPath(new URL('reference.py', import.meta.url))],
    {
      input: JSON.stringify({ expressions, xs: Buffer.from(xs.buffer).toString('base64'), noise }),
      encoding: 'utf8',
      maxBuffer: 1e9,
    },
  )
  if (status !== 0) throw new Error(problem(stderr, error))
  const lines = stdout.trimEnd().split('\n')
  return lines.map((line) => {
    const bytes = Uint8Array.from(Buffer.from(line, 'base64'))
    const values = new Float64Array(bytes.buffer)
    return noise.map((_, index) => values.subarray(index * xs.length, (index + 1) * xs.length))
  })
}

function problem(stderr: string | null, error: Error | undefined): string {
  if (/No module named '?numpy/.test(stderr ?? ''))
    return `${PYTHON} has no NumPy; install it (apt-get install python3-numpy), or set PYTHON to a Python that has it`
  if (error)
    return `${PYTHON} cannot be run (${error.message}); install Python 3 with NumPy (apt-get install python3-numpy)`
  return `NumPy could not evaluate: ${stderr}`
}
