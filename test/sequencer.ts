import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that run a suite of another file, or mostly wait for processes. Without times of an earlier run, as in a fresh
 * clone, vitest starts the largest files first: one of these would begin last, and run alone at the end.
 */
const LONG = /\/test\/(worker\/(pool|scale|taskPools)|interop|chaos|cli\/shutdown)/

/** Vitest's order, in each project with those files first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const projects = [...new Set(sorted.map(({ project }) => project))]
    return projects.flatMap((own) => {
      const files = sorted.filter(({ project }) => project === own)
      return [...files.filter(isLong), ...files.filter((file) => !isLong(file))]
    })
  }
}

function isLong({ moduleId }: TestSpecification): boolean {
  return LONG.test(moduleId)
}
