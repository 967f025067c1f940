import { readFileSync } from 'node:fs';
import { authenticate } from './authenticate.js';
import { Verdict, type PamQuestion } from './verdict.js';

/**
 * A process of its own for one login password, which comes on standard input: modules of PAM are foreign code that may
 * hang or crash. The exit code is the verdict, and standard output says why.
 */
try {
  const { user, password } = JSON.parse(readFileSync(0, 'utf8')) as PamQuestion;
  const { verdict, why } = await authenticate(user, password);
  process.stdout.write(why);
  process.exitCode = verdict;
} catch (error) {
  process.stdout.write((error as Error).message);
  process.exitCode = Verdict.TROUBLE;
}
