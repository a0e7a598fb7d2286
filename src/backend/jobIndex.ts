import type { TaskMeta } from '../protocol/result.ts'
import type { SubmissionMetadata } from './unitOfWork.ts'

/*
 * The lists of jobs, a part of the result backend.
 * Each sentence of these docs is a case of `testing/suites/jobIndexSuite.ts`.
 */

/** A page of records, newest first. `cursor` asks for the next page; absent at the end. */
export interface MetaPage {
  readonly metas: readonly TaskMeta[]
  readonly cursor?: string
}

/** Which records are listed, and how many: those that fit all filters that are set. */
export interface ListFilter {
  readonly state?: string | undefined
  readonly task?: string | undefined
  /** Names of tasks; the record has one of them. */
  readonly tasks?: readonly string[] | undefined
  /** The owner of the jobs (`SubmissionMetadata.owner`), and a tag that they have. */
  readonly owner?: string | undefined
  readonly tag?: string | undefined
  /** Submitted at this moment or later, ms since the epoch. */
  readonly since?: number | undefined
  /**
   * Text of 1 to 200 characters, and not blanks alone: each of its words, separated by blanks, is found in the id, the
   * task's name, a tag, or the class or message of the error (FAILURE, REVOKED, RETRY). A word matches any part of
   * these, in upper or lower case as Unicode defines them; no character is special. Arguments, results, progress and
   * tracebacks are not searched.
   */
  readonly q?: string | undefined
  /** 1 to 1000. */
  readonly limit: number
  readonly cursor?: string | undefined
}

/** Finds jobs by their records and submission metadata. */
export interface JobIndex {
  /** Which records are listed: `all`, or `marked`: those that were submitted with metadata, even if it is empty. */
  readonly scope: 'all' | 'marked'
  /**
   * Records by page, newest submission first. Where the scope is `marked`, submissions of one millisecond are ordered
   * by their ids, and a page may be short, or empty, although there is a next one; so may a page of a search (`q`) in
   * any store, which reads a bounded number of records. ArgumentError for a limit, a cursor or a search that is out of
   * bounds.
   */
  list(filter: ListFilter): Promise<MetaPage>
  /**
   * Submission metadata of jobs, in the order asked; undefined where there was none, or it has expired. Kept as long as
   * the record; on `redis:` for the same time from the submission.
   */
  metadata(ids: readonly string[]): Promise<(SubmissionMetadata | undefined)[]>
}
