import { fileURLToPath } from 'node:url'
import { command } from '../../../test/command.ts'

/** The Python that `npm test` puts NumPy into. */
const PYTHON = process.env.PYTHON ?? '/usr/bin/python3'

/** For each expression and each noise, NumPy's values at the points. All in one process. */
export async function evaluateWithNumpy(
  expressions: string[],
  xs: Float64Array,
  noise: number[],
): Promise<Float64Array[][]> {
  const script = fileURLToPath(new URL('reference.py', import.meta.url))
  const input = JSON.stringify({ expressions, xs: Buffer.from(xs.buffer).toString('base64'), noise })
  const { code, stdout, stderr } = await command(PYTHON, [script], { input })
  if (code !== 0) throw new Error(problem(code, stderr))
  const lines = stdout.trimEnd().split('\n')
  return lines.map((line) => {
    const bytes = Uint8Array.from(Buffer.from(line, 'base64'))
    const values = new Float64Array(bytes.buffer)
    return noise.map((_, index) => values.subarray(index * xs.length, (index + 1) * xs.length))
  })
}

function problem(code: number | undefined, stderr: string): string {
  if (/No module named '?numpy/.test(stderr))
    return `${PYTHON} has no NumPy; install it (apt-get install python3-numpy), or set PYTHON to a Python that has it`
  if (code === undefined)
    return `${PYTHON} cannot be run (${stderr}); install Python 3 with NumPy (apt-get install python3-numpy)`
  return `NumPy could not evaluate: ${stderr}`
}
