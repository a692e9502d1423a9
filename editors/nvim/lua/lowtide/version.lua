-- The plugin's version: that of the daemon and the extension it is released with.
return '0.1.0'
