import type { BackPressure, Limited, PressureLimits } from './backPressure.ts'

/**
 * Where a worker has limits of pressure; `changed`: it may take more now, or less. Undefined without limits: then
 * nothing is loaded.
 */
export async function watchPressure(
  limits: PressureLimits,
  worker: Limited,
  changed: () => void,
): Promise<BackPressure | undefined> {
  if (Object.values(limits).every((max) => max === undefined)) return undefined
  const { openPressure } = await import('./backPressure.ts')
  return openPressure(limits, worker, changed)
}
