import type { Selectable } from 'kysely';
import type { IsolationTasksTable } from '../store/schema.js';

export type TaskRow = Selectable<IsolationTasksTable>;

/** What a task is for. */
export type TaskScopeRow = Pick<TaskRow, 'scope_kind' | 'scope_id'>;
