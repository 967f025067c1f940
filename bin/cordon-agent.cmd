@rem The agent on Windows, with the Node.js that is installed for everybody: never one from the current folder.
@if not exist "%ProgramFiles%\nodejs\node.exe" (echo cordon-agent: "%ProgramFiles%\nodejs\node.exe" is not there; install 64-bit Node.js for all users>&2& exit /b 2)
@"%ProgramFiles%\nodejs\node.exe" "%~dp0cordon-agent" %*
