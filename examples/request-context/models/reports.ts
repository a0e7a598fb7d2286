import { Files } from './files.ts'

export interface Report {
  readonly id: string
  readonly title: string
  /** The user who asked for it. */
  readonly owner: string
  readonly text: string
}

export const reports = new Files<Report>('reports')
