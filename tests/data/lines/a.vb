' Class Commented
Namespace Tides
    Public Class Gauge
        Private level As Integer
        Public Const Limit As Integer = 3
        Public Sub New(x As Integer)
        End Sub
        Public Function Read() As Integer
            Dim local As Integer
        End Function
        Public Property Name As String
        Public Event Risen()
    End Class
    Module Helpers
    End Module
    Enum Kind
    End Enum
End Namespace
