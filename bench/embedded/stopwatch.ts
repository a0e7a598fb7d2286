/** How long something took on the clock, and on all processors together. */
export interface Cost {
  readonly tasks: number
  readonly seconds: number
  /** Processor time of the process, its threads included, per task. */
  readonly cpuMicroseconds: number
}

/** Runs from now until it is asked what so many tasks have cost. */
export function stopwatch(): (tasks: number) => Cost {
  const cpu = process.cpuUsage()
  const start = performance.now()
  return (tasks) => {
    const seconds = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(cpu)
    return { tasks, seconds, cpuMicroseconds: (user + system) / tasks }
  }
}
