export { printable } from '../../shared/command-line/printable.js';
