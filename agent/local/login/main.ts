import { readFileSync } from 'node:fs';
import { logOn } from '../../windows/logon.js';
import { authenticate } from './pam.js';
import { Verdict, type LoginQuestion } from './verdict.js';

/**
 * A process of its own for one login password, which comes on standard input: modules of PAM are foreign code that may
 * hang or crash, and Windows may ask a domain controller that is out of reach. The exit code is the verdict, and standard output says why.
 */
const check = process.platform === 'win32' ? logOn : authenticate;
try {
  const { user, password } = JSON.parse(readFileSync(0, 'utf8')) as LoginQuestion;
  const { verdict, why } = await check(user, password);
  process.stdout.write(why);
  process.exitCode = verdict;
} catch (error) {
  process.stdout.write((error as Error).message);
  process.exitCode = Verdict.TROUBLE;
}
