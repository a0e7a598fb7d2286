import type { CallOptions } from '../../config/callOptions.ts'

/** What changes of a job that waits; what is left out stays as it is. */
export interface JobChanges extends Pick<CallOptions, 'eta' | 'countdown' | 'queue' | 'priority' | 'kwargs'> {
  /**
   * Its arguments from now on, with `kwargs`: one of both replaces all that it was called with. They are checked as in
   * a call, where its task is registered here.
   */
  args?: readonly unknown[] | undefined
}
